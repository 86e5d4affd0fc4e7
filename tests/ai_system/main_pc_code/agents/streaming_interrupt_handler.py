"""StreamingInterruptHandler: notices when the user wants the system to stop talking."""
from main_pc_code.src.core.base_agent import BaseAgent

STOP_WORDS = {"stop", "wait", "quiet", "cancel", "enough", "tigil", "teka"}


class StreamingInterruptHandler(BaseAgent):
    """Looks for stop words in what was said last."""

    role = "audio"

    def setup(self):
        self.interrupts = 0

    def do_check(self, request):
        """Whether `text`, or else the latest transcript, asks to be quiet."""
        text = request.get("text")
        if not isinstance(text, str):
            text = self.request_peer("StreamingSpeechRecognition", {"action": "last"}, timeout=2.0)["text"]
        found = sorted(STOP_WORDS.intersection(text.lower().split()))
        self.interrupts += bool(found)
        return {"interrupt": bool(found), "words": found, "text": text, "interrupts": self.interrupts}


if __name__ == "__main__":
    StreamingInterruptHandler.main()
