"""StreamingTTSAgent: cuts text into chunks that can be spoken one after the other."""
import re

from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require

SECONDS_PER_SYLLABLE = 0.19
MAX_CHUNK = 120


def syllables(text):
    """A rough count: groups of vowels."""
    return max(1, len(re.findall(r"[aeiouy]+", text.lower())))


def chunks(text):
    """Sentences, the long ones cut at commas and then at spaces."""
    for sentence in re.findall(r"[^.!?]+[.!?]*", text):
        rest = sentence.strip()
        while len(rest) > MAX_CHUNK:
            comma, space = rest.rfind(", ", 0, MAX_CHUNK) + 1, rest.rfind(" ", 0, MAX_CHUNK)
            cut = comma if comma > 0 else space if space > 0 else MAX_CHUNK
            yield rest[:cut].strip()
            rest = rest[cut:].strip()
        if rest:
            yield rest


class StreamingTTSAgent(BaseAgent):
    """Speaks in chunks, and tells CoordinatorAgent that it did."""

    role = "speech"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--voice", default="neutral", help="name of the voice")

    def setup(self):
        self.spoken = 0
        self.model_ready = False

    def do_speak(self, request):
        """Chunks with durations for `text`."""
        text = require(request, "text")
        pieces = list(chunks(text))
        if not pieces:
            raise RequestError("there is nothing to say")
        if not self.model_ready:
            acquire = {"action": "acquire", "model": "tts-base"}
            self.model_ready = self.try_peer("ModelManagerAgent", acquire) is not None
        spoken = [{"text": piece, "seconds": round(syllables(piece) * SECONDS_PER_SYLLABLE, 2)} for piece in pieces]
        self.spoken += 1
        # CoordinatorAgent may itself be waiting for this reply, so it is told in the background.
        self.notify_peer("CoordinatorAgent", {"action": "announce", "source": self.name, "event": f"spoke {len(pieces)} chunks"})
        return {"chunks": spoken, "voice": request.get("voice", self.options.voice), "model_ready": self.model_ready}

    def do_statistics(self, request):
        """How many texts were spoken."""
        return {"spoken": self.spoken}


if __name__ == "__main__":
    StreamingTTSAgent.main()
