"""RCAAgent: the root cause behind a heap of error messages."""
import re
from collections import Counter

from pc2_code.utils.service import Refusal, Service, action, run

# cause, how it shows, what to do; the deeper the cause, the earlier in the list
CAUSES = (
    ("disk full", r"no space left|disk full|quota exceeded", "free disk space"),
    ("out of memory", r"out of memory|memoryerror|cannot allocate|oom", "raise the memory limit or lower the load"),
    ("port taken", r"address already in use|eaddrinuse", "stop the other process or change the port"),
    ("module missing", r"modulenotfounderror|no module named|importerror", "install the package"),
    ("file missing", r"filenotfounderror|no such file", "create the file or correct the path"),
    ("permission", r"permission denied|permissionerror|forbidden", "correct owner or mode"),
    ("peer down", r"did not answer|connection refused|timed? ?out|unreachable", "start the other agent"),
    ("bad input", r"valueerror|typeerror|malformed|invalid|not json", "correct the request"),
)
BLAMED = re.compile(r"\b([A-Z][A-Za-z]+(?:Agent|Manager|Monitor|Router|Service|Processor|Responder))\b")


class RCAAgent(Service):
    """Counts symptoms, prefers deep causes, and says who is blamed most."""

    duty = "analysis"

    @action("analyze")
    def analyze(self, request):
        """The root cause of `errors`, a list of messages; HealthMonitor says who is failing anyway."""
        errors = request.items_of("errors")
        if not errors or not all(isinstance(error, str) for error in errors):
            raise Refusal("field 'errors' must be a list of texts")
        counts = Counter()
        for error in errors:
            for cause, pattern, _ in CAUSES:
                if re.search(pattern, error, re.I):
                    counts[cause] += 1
                    break
        blamed = Counter(name for error in errors for name in set(BLAMED.findall(error)))
        health = self.ask_kindly("HealthMonitor", "status")
        order = [cause for cause, _, _ in CAUSES]
        root = min(counts, key=order.index, default="unknown")
        advice = next((text for cause, _, text in CAUSES if cause == root), "look at the logs")
        return {
            "root_cause": root,
            "advice": advice,
            "symptoms": dict(counts),
            "suspects": [name for name, _ in blamed.most_common(3)],
            "failing": health["failing"] if health else None,
        }


if __name__ == "__main__":
    run(RCAAgent)
