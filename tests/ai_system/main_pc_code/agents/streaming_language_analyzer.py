"""StreamingLanguageAnalyzer: tells English from Tagalog, and the mixture of both."""
import re

from main_pc_code.src.core.base_agent import BaseAgent

ENGLISH = {"the", "is", "are", "you", "what", "and", "of", "to", "in", "my", "how", "where", "good", "please", "thank"}
TAGALOG = {"ang", "ng", "mga", "sa", "ay", "ako", "ikaw", "po", "ano", "saan", "magandang", "salamat", "hindi", "kumusta", "na"}


def shares(text):
    """How many words of a text are typical of each language."""
    words = re.findall(r"[a-z]+", text.lower())
    return {"en": sum(word in ENGLISH for word in words), "tl": sum(word in TAGALOG for word in words)}


class StreamingLanguageAnalyzer(BaseAgent):
    """Names the language of a text by its small words."""

    role = "audio"

    def do_analyze(self, request):
        """The language of `text`, or of the latest transcript: en, tl, taglish or unknown."""
        text = request.get("text")
        if not isinstance(text, str):
            text = self.request_peer("StreamingSpeechRecognition", {"action": "last"})["text"]
        found = shares(text)
        if found["en"] and found["tl"]:
            language = "taglish"
        elif found["en"] or found["tl"]:
            language = "en" if found["en"] else "tl"
        else:
            language = "unknown"
        return {"language": language, "words": found, "text": text}


if __name__ == "__main__":
    StreamingLanguageAnalyzer.main()
