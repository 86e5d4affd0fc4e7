"""SelfTrainingOrchestrator: the list of training jobs and what became of them."""
import itertools

from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require

STATES = ("waiting", "running", "done", "failed")


class SelfTrainingOrchestrator(BaseAgent):
    """Hands out training jobs by priority and keeps their results."""

    role = "training"

    def setup(self):
        self.jobs = {}
        self.numbers = itertools.count(1)

    def do_create_job(self, request):
        """Add a job for a `model`, with a `priority` (higher goes first)."""
        number = next(self.numbers)
        self.jobs[number] = {
            "job": number,
            "model": require(request, "model"),
            "priority": int(request.get("priority", 0)),
            "state": "waiting",
            "losses": [],
        }
        return {"job": number}

    def do_next_job(self, request):
        """Start the waiting job with the highest priority."""
        waiting = [job for job in self.jobs.values() if job["state"] == "waiting"]
        if not waiting:
            return {"job": None}
        job = max(waiting, key=lambda job: (job["priority"], -job["job"]))
        job["state"] = "running"
        return {"job": job["job"], "model": job["model"]}

    def job(self, request):
        """The job a request is about."""
        number = require(request, "job", int)
        if number not in self.jobs:
            raise RequestError(f"no job {number}")
        return self.jobs[number]

    def do_report(self, request):
        """Add a `loss` to a job, or set its `state`."""
        job = self.job(request)
        if "loss" in request:
            job["losses"].append(float(require(request, "loss", (int, float))))
        state = request.get("state", job["state"])
        if state not in STATES:
            raise RequestError(f"field 'state' must be one of {', '.join(STATES)}")
        job["state"] = state
        return dict(job)

    def do_jobs(self, request):
        """All jobs, or those in one `state`."""
        state = request.get("state")
        return {"jobs": [job for job in self.jobs.values() if state in (None, job["state"])]}


if __name__ == "__main__":
    SelfTrainingOrchestrator.main()
