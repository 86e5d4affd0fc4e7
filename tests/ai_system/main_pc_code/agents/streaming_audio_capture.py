"""AudioCapture: the source of sound. Without a microphone it spells text as tones."""
import random

from main_pc_code.src.audio.tone_code import SAMPLE_RATE, encode
from main_pc_code.src.core.base_agent import BaseAgent, RequestError

MAX_LETTERS = 64


class AudioCapture(BaseAgent):
    """Gives out samples between -1 and 1."""

    role = "audio"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--noise", type=float, default=0.02, help="amplitude of the room's noise")

    def setup(self):
        self.random = random.Random(7)
        self.captured = 0

    def do_capture(self, request):
        """Samples which spell `spell`, with the room's noise and a little offset."""
        spell = request.get("spell", "")
        if not isinstance(spell, str) or len(spell) > MAX_LETTERS:
            raise RequestError(f"field 'spell' must be a text of at most {MAX_LETTERS} letters")
        noise = self.options.noise
        samples = [round(sample + 0.05 + self.random.uniform(-noise, noise), 4) for sample in encode(spell)]
        self.captured += len(samples)
        return {"samples": samples, "sample_rate": SAMPLE_RATE}

    def do_statistics(self, request):
        """How much was captured so far."""
        return {"samples": self.captured, "seconds": self.captured / SAMPLE_RATE}


if __name__ == "__main__":
    AudioCapture.main()
