"""UnifiedErrorAgent: all errors in one place, told apart by kind."""
import re
from collections import Counter, deque

from pc2_code.utils.service import Service, action, run

KINDS = (
    ("timeout", re.compile(r"timed? ?out|did not answer|deadline", re.I)),
    ("missing", re.compile(r"not found|no such|missing|unknown|does not exist", re.I)),
    ("permission", re.compile(r"denied|forbidden|permission|unauthori[sz]ed", re.I)),
    ("memory", re.compile(r"out of memory|memoryerror|cannot allocate", re.I)),
    ("input", re.compile(r"invalid|malformed|must be|valueerror|typeerror", re.I)),
)


def kind_of(text):
    """The kind of an error, by its text."""
    return next((kind for kind, pattern in KINDS if pattern.search(text)), "other")


class UnifiedErrorAgent(Service):
    """Takes error reports and lets HealthMonitor know about them."""

    duty = "errors"

    def start(self):
        self.reports = deque(maxlen=500)
        self.kinds = Counter()

    @action("report")
    def report(self, request):
        """An `error` text of an `agent`."""
        error, agent = request.text("error"), request.text("agent")
        kind = kind_of(error)
        self.reports.append({"agent": agent, "error": error, "kind": kind})
        self.kinds[kind] += 1
        noted = self.ask_kindly("HealthMonitor", "note_error", agent=agent, kind=kind)
        return {"kind": kind, "noted": noted is not None}

    @action("recent")
    def recent(self, request):
        """The latest reports, newest first, of one `agent` if given."""
        agent = request.get("agent")
        found = [report for report in reversed(self.reports) if agent in (None, report["agent"])]
        return {"reports": found[: request.whole("limit", 20)], "kinds": dict(self.kinds)}


if __name__ == "__main__":
    run(UnifiedErrorAgent)
