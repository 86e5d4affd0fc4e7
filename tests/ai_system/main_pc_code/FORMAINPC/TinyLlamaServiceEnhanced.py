"""TinyLlamaService: a very small text generator."""
from FORMAINPC.ngram_model import NgramModel
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require

CORPUS = (
    "the system listens to the user and the user asks the system a question .",
    "the agent answers the question and the system keeps the answer in memory .",
    "the memory of the system helps the agent to answer the next question .",
    "an agent asks another agent for help and waits for the answer .",
)


class TinyLlamaService(BaseAgent):
    """Generates text with a trigram model trained at start."""

    role = "model"

    def setup(self):
        self.model = NgramModel()
        for sentence in CORPUS:
            self.model.learn(sentence)
        self.acquired = False

    def do_generate(self, request):
        """Go on from `prompt` for up to `max_words`; `seed` makes it repeatable."""
        prompt = require(request, "prompt")
        limit = request.get("max_words", 20)
        if not isinstance(limit, int) or not 1 <= limit <= 200:
            raise RequestError("field 'max_words' must be a whole number from 1 to 200")
        if not self.acquired:
            self.acquired = self.try_peer("ModelManagerAgent", {"action": "acquire", "model": "tiny-llama"}) is not None
        text = self.model.generate(prompt, limit, request.get("seed", 0))
        return {"text": text, "words": len(text.split()), "model_ready": self.acquired}

    def do_learn(self, request):
        """Learn from one more `text`."""
        return {"words": self.model.learn(require(request, "text"))}


if __name__ == "__main__":
    TinyLlamaService.main()
