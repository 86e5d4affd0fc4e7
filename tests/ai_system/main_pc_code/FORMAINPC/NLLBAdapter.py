"""NLLBAdapter: single words between languages, tolerant of misspellings."""
from rapidfuzz import fuzz, process

from main_pc_code.agents.needtoverify.fixed_streaming_translation import vocabulary
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require


class NLLBAdapter(BaseAgent):
    """Finds the nearest known word and its translation."""

    role = "translation"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--min_similarity", type=float, default=75.0, help="percent from which a word counts as meant")

    def setup(self):
        self.acquired = False

    def do_nearest(self, request):
        """For each of `words`, the known word that is probably meant, and its translation."""
        words = require(request, "words", list)
        source, target = request.get("source", "en"), request.get("target", "tl")
        known = vocabulary(source, target)
        if known is None:
            raise RequestError(f"no vocabulary from '{source}' to '{target}'")
        if not self.acquired:
            self.acquired = self.try_peer("ModelManagerAgent", {"action": "acquire", "model": "nllb-600m"}, timeout=0.5) is not None
        hints = {}
        for word in words[:50]:
            match = process.extractOne(str(word), list(known), scorer=fuzz.ratio, score_cutoff=self.options.min_similarity)
            if match:
                hints[str(word)] = {"meant": match[0], "translation": known[match[0]]}
        return {"hints": hints, "model_ready": self.acquired}


if __name__ == "__main__":
    NLLBAdapter.main()
