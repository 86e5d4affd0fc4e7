import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
from functools import singledispatchmethod
from common.base_agent import BaseAgent


class FeedbackSorter(BaseAgent):
    def __init__(self):
        super().__init__(name="FeedbackSorter")
        self.good, self.bad = [], []

    @singledispatchmethod
    def sort(self, value):
        self.bad.append(value)

    @sort.register
    def _(self, value: int):
        (self.good if value > 0 else self.bad).append(value)

    @sort.register
    def _(self, value: str):
        (self.good if "thank" in value.lower() else self.bad).append(value)

    def handle(self, request):
        self.sort(request.get("feedback"))
        return {"good": len(self.good), "bad": len(self.bad)}


if __name__ == "__main__":
    FeedbackSorter().run()
