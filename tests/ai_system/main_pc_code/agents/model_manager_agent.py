"""ModelManagerAgent: decides which models are loaded within the VRAM budget."""
import time

from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require

# model -> size in MB
CATALOGUE = {
    "tiny-llama": 1100,
    "nllb-600m": 1300,
    "whisper-small": 480,
    "tts-base": 350,
    "face-embed": 120,
    "code-small": 900,
    "emotion-voice": 200,
}


class ModelManagerAgent(BaseAgent):
    """Loads models on demand and evicts the ones unused for the longest time."""

    role = "model manager"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--vram_budget_mb", type=int, default=3072, help="how much the loaded models may take")

    def setup(self):
        self.loaded = {}

    def used_mb(self):
        """What the loaded models take together."""
        return sum(CATALOGUE[model] for model in self.loaded)

    def do_list_models(self, request):
        """All models with their sizes, and which of them are loaded."""
        return {"models": CATALOGUE, "loaded": sorted(self.loaded)}

    def do_acquire(self, request):
        """Make sure that a model is loaded, evicting others if there is no room."""
        model = require(request, "model")
        if model not in CATALOGUE:
            raise RequestError(f"unknown model '{model}'")
        if CATALOGUE[model] > self.options.vram_budget_mb:
            raise RequestError(f"'{model}' does not fit into {self.options.vram_budget_mb} MB")
        evicted = []
        self.loaded.pop(model, None)
        while self.used_mb() + CATALOGUE[model] > self.options.vram_budget_mb:
            oldest = min(self.loaded, key=self.loaded.get)
            del self.loaded[oldest]
            evicted.append(oldest)
        self.loaded[model] = time.monotonic()
        return {"model": model, "evicted": evicted, "used_mb": self.used_mb()}

    def do_release(self, request):
        """Unload a model."""
        model = require(request, "model")
        return {"released": self.loaded.pop(model, None) is not None, "used_mb": self.used_mb()}

    def do_status(self, request):
        """Budget, use, and for how many seconds each loaded model has been idle."""
        now = time.monotonic()
        return {
            "budget_mb": self.options.vram_budget_mb,
            "used_mb": self.used_mb(),
            "idle_seconds": {model: round(now - used, 1) for model, used in self.loaded.items()},
        }


if __name__ == "__main__":
    ModelManagerAgent.main()
