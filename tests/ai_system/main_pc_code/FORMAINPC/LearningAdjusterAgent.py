"""LearningAdjusterAgent: proposes learning rates from the course of the loss."""
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require


FACTORS = {"diverging": 0.3, "plateau": 0.7, "improving": 1.05, "too early": 1.0}


def mean(numbers):
    """The arithmetic mean."""
    return sum(numbers) / len(numbers)


def verdict(losses):
    """What the last losses tell: diverging, plateau or improving."""
    if len(losses) < 3:
        return "too early"
    last, before = mean(losses[-2:]), mean(losses[-4:-2])
    if last > before * 1.05:
        return "diverging"
    return "plateau" if last > before * 0.99 else "improving"


class LearningAdjusterAgent(BaseAgent):
    """Looks at losses given, or at those of a job of SelfTrainingOrchestrator."""

    role = "training"

    def do_adjust(self, request):
        """A new `rate` for the losses in `losses`, or of `job`."""
        rate = require(request, "rate", (int, float))
        if "job" in request:
            job = self.request_peer("SelfTrainingOrchestrator", {"action": "report", "job": require(request, "job", int)})
            losses = job["losses"]
        else:
            losses = require(request, "losses", list)
        if not all(isinstance(loss, (int, float)) for loss in losses):
            raise RequestError("field 'losses' must hold numbers only")
        found = verdict(losses)
        return {"verdict": found, "rate": float(f"{rate * FACTORS[found]:.6g}"), "losses": len(losses)}


if __name__ == "__main__":
    LearningAdjusterAgent.main()
