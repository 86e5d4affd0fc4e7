"""TutoringServiceAgent: makes exercises, checks answers, explains."""
import itertools
import random
from collections import OrderedDict

from pc2_code.utils.service import Refusal, Service, action, run

KEPT = 1000


class TutoringServiceAgent(Service):
    """Sums of five levels; explanations come from what PC2 remembers."""

    duty = "tutoring"

    def start(self):
        self.exercises = OrderedDict()
        self.numbers = itertools.count(1)
        self.random = random.Random()

    @action("exercise")
    def exercise(self, request):
        """A new exercise of `level` 1 to 5."""
        level = request.whole("level", 1)
        if not 1 <= level <= 5:
            raise Refusal("field 'level' must be 1 to 5")
        high = 10**((level + 1) // 2)
        a, b = self.random.randint(2, high), self.random.randint(2, high)
        sign = "*" if level % 2 == 0 else "+"
        number = next(self.numbers)
        self.exercises[number] = a * b if sign == "*" else a + b
        if len(self.exercises) > KEPT:
            self.exercises.popitem(last=False)
        return {"exercise": number, "question": f"{a} {sign} {b}"}

    @action("check")
    def check(self, request):
        """Whether `answer` is the solution of `exercise`."""
        number = request.whole("exercise")
        if number not in self.exercises:
            raise Refusal("there is no such exercise")
        solution = self.exercises.pop(number)
        return {"right": str(request.get("answer")).strip() == str(solution), "solution": solution}

    @action("explain")
    def explain(self, request):
        """What UnifiedMemoryReasoningAgent knows about `topic`, as sentences."""
        topic = request.text("topic")
        rows = self.ask("UnifiedMemoryReasoningAgent", "recall", text=topic)["statements"]
        return {"topic": topic, "sentences": [f"{row['subject']} {row['relation']} {row['object']}." for row in rows]}


if __name__ == "__main__":
    run(TutoringServiceAgent)
