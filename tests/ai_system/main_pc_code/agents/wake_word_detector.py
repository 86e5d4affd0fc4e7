"""WakeWordDetector: hears whether somebody says the system's name."""
from main_pc_code.src.audio.tone_code import SAMPLES_PER_LETTER, decode
from main_pc_code.src.core.base_agent import BaseAgent, require


class WakeWordDetector(BaseAgent):
    """Gates on voice first, which is cheap, then looks for the wake word."""

    role = "audio"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--wake_word", default="hello", help="the word to wait for")

    def setup(self):
        self.detections = 0

    def do_detect(self, request):
        """Whether the wake word is in what AudioCapture hears when `spell` is said."""
        spell = require(request, "spell")
        raw = self.request_peer("AudioCapture", {"action": "capture", "spell": spell})["samples"]
        sound = self.request_peer("FusedAudioPreprocessor", {"action": "process", "samples": raw})
        if not sound["voice"]:
            return {"detected": False, "reason": "no voice"}
        window = SAMPLES_PER_LETTER * (len(self.options.wake_word) + 8)
        heard = decode(sound["samples"][:window])
        detected = self.options.wake_word in heard
        self.detections += detected
        return {"detected": detected, "heard": heard}

    def do_statistics(self, request):
        """How often the wake word was heard."""
        return {"wake_word": self.options.wake_word, "detections": self.detections}


if __name__ == "__main__":
    WakeWordDetector.main()
