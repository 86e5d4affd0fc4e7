"""TutorAgent: practises with a pupil, harder after every success."""
from pc2_code.utils.service import Refusal, Service, action, run


class TutorAgent(Service):
    """Chooses the level; exercises and corrections come from TutoringServiceAgent."""

    duty = "tutoring"

    def start(self):
        self.pupils = {}

    @action("next")
    def next_exercise(self, request):
        """The next exercise of a `pupil`."""
        pupil = self.pupils.setdefault(request.text("pupil"), {"level": 1, "right": 0, "wrong": 0, "open": None})
        made = self.ask("TutoringServiceAgent", "exercise", level=pupil["level"])
        pupil["open"] = made["exercise"]
        return {"exercise": made["exercise"], "question": made["question"], "level": pupil["level"]}

    @action("answer")
    def answer(self, request):
        """The `answer` of a `pupil` to their open exercise."""
        pupil = self.pupils.get(request.text("pupil"))
        if pupil is None or pupil["open"] is None:
            raise Refusal("this pupil has no open exercise")
        checked = self.ask("TutoringServiceAgent", "check", exercise=pupil["open"], answer=request.get("answer"))
        pupil["open"] = None
        if checked["right"]:
            pupil["right"] += 1
            pupil["level"] = min(5, pupil["level"] + 1)
        else:
            pupil["wrong"] += 1
            pupil["level"] = max(1, pupil["level"] - 1)
        return {"right": checked["right"], "solution": checked["solution"], "level": pupil["level"]}

    @action("report")
    def report(self, request):
        """How all pupils are doing."""
        return {"pupils": {name: {k: pupil[k] for k in ("level", "right", "wrong")} for name, pupil in self.pupils.items()}}


if __name__ == "__main__":
    run(TutorAgent)
