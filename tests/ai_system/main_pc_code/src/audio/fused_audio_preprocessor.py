"""FusedAudioPreprocessor: offset removal, level and voice detection in one pass."""
import math

from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require


def clean(samples):
    """The samples without offset, scaled to a peak of 1, and their loudness before."""
    if not samples:
        return [], 0.0
    offset = sum(samples) / len(samples)
    centred = [sample - offset for sample in samples]
    loudness = math.sqrt(sum(sample * sample for sample in centred) / len(centred))
    peak = max(abs(sample) for sample in centred) or 1.0
    return [round(sample / peak, 4) for sample in centred], loudness


class FusedAudioPreprocessor(BaseAgent):
    """Makes raw samples ready for recognition."""

    role = "audio"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--voice_threshold", type=float, default=0.05, help="loudness from which sound counts as voice")

    def result(self, samples):
        """The reply for raw samples."""
        cleaned, loudness = clean(samples)
        return {"samples": cleaned, "loudness": round(loudness, 4), "voice": loudness >= self.options.voice_threshold}

    def do_process(self, request):
        """Clean the given `samples`."""
        samples = require(request, "samples", list)
        if not all(isinstance(sample, (int, float)) for sample in samples):
            raise RequestError("field 'samples' must hold numbers only")
        return self.result(samples)

    def do_listen(self, request):
        """Take samples from AudioCapture and clean them."""
        captured = self.request_peer("AudioCapture", {"action": "capture", "spell": request.get("spell", "")})
        return self.result(captured["samples"])


if __name__ == "__main__":
    FusedAudioPreprocessor.main()
