"""PredictiveLoader: guesses which kind of task comes next, to prepare for it."""
from collections import Counter, defaultdict

from main_pc_code.src.core.base_agent import BaseAgent, require


class PredictiveLoader(BaseAgent):
    """A Markov chain over the kinds of task."""

    role = "planning"

    def setup(self):
        self.follows = defaultdict(Counter)
        self.last = None

    def do_observe(self, request):
        """A task of `kind` came in."""
        kind = require(request, "kind")
        if self.last is not None:
            self.follows[self.last][kind] += 1
        self.last = kind
        return {"kind": kind}

    def do_predict(self, request):
        """The kind that comes next, most probably: after the last one, or overall by TaskRouter's counts."""
        seen = self.follows.get(self.last)
        if seen:
            kind, count = seen.most_common(1)[0]
            return {"kind": kind, "probability": round(count / sum(seen.values()), 3), "from": "observations"}
        counts = self.request_peer("TaskRouter", {"action": "statistics"})["counts"]
        total = sum(count["sent"] for count in counts.values())
        kind = max(counts, key=lambda kind: counts[kind]["sent"])
        return {"kind": kind, "probability": round(counts[kind]["sent"] / total, 3) if total else 0.0, "from": "TaskRouter"}


if __name__ == "__main__":
    PredictiveLoader.main()
