"""LearningAgent: learns to tell two kinds of texts apart (naive Bayes)."""
import math
import re
from collections import Counter

from pc2_code.utils.service import Refusal, Service, action, run


def words_of(text):
    """The words of a text."""
    return re.findall(r"[a-z]+", text.lower())


class LearningAgent(Service):
    """Trained with labelled texts, classifies others."""

    duty = "learning"

    def start(self):
        self.labels = {}
        self.examples = Counter()

    @action("train")
    def train(self, request):
        """Learn that `text` is of the kind `label`."""
        label, text = request.text("label"), request.text("text")
        self.labels.setdefault(label, Counter()).update(words_of(text))
        self.examples[label] += 1
        self.tell("UnifiedMemoryReasoningAgent", "remember", subject=label, relation="has example", object=text[:200], source=self.name)
        return {"label": label, "examples": self.examples[label]}

    @action("classify")
    def classify(self, request):
        """The most probable label of `text`."""
        if not self.labels:
            raise Refusal("nothing was learned yet")
        words = words_of(request.text("text"))
        size = len({word for counts in self.labels.values() for word in counts}) + 1
        scores = {}
        for label, counts in self.labels.items():
            total = sum(counts.values()) + size
            scores[label] = math.log(self.examples[label]) + sum(math.log((counts[word] + 1) / total) for word in words)
        best = max(scores, key=scores.get)
        share = 1 / sum(math.exp(score - scores[best]) for score in scores.values())
        return {"label": best, "probability": round(share, 4)}

    @action("examples")
    def examples_of(self, request):
        """Examples of a `label` as UnifiedMemoryReasoningAgent remembers them."""
        reply = self.ask("UnifiedMemoryReasoningAgent", "recall", text=request.text("label"))
        return {"examples": [row["object"] for row in reply["statements"] if row["relation"] == "has example"]}


if __name__ == "__main__":
    run(LearningAgent)
