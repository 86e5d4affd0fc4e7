"""PerformanceLoggerAgent: keeps single measurements and finds the odd ones out."""
import math
import time
from collections import defaultdict, deque

import psutil

from pc2_code.utils.service import Refusal, Service, action, run

WINDOW = 500


class PerformanceLoggerAgent(Service):
    """`append` only takes notes; `scan` looks for anomalies and tells SelfHealingAgent."""

    duty = "performance"

    def start(self):
        self.values = defaultdict(lambda: deque(maxlen=WINDOW))
        self.process = psutil.Process()

    @action("append")
    def append(self, request):
        """A `value` of a `metric` of an `agent`."""
        series = self.values[request.text("agent"), request.text("metric")]
        series.append((time.time(), request.number("value")))
        return {"values": len(series)}

    @action("query")
    def query(self, request):
        """The latest values of a `metric` of an `agent`."""
        series = self.values.get((request.text("agent"), request.text("metric")))
        if series is None:
            raise Refusal("nothing is known about this")
        return {"values": [value for _, value in list(series)[-request.whole("limit", 50):]]}

    @action("scan")
    def scan(self, request):
        """Series whose last value is more than three deviations above the mean of the others."""
        odd = []
        for (agent, metric), series in self.values.items():
            *before, last = [value for _, value in series]
            if len(before) < 5:
                continue
            mean = sum(before) / len(before)
            deviation = math.sqrt(sum((value - mean) ** 2 for value in before) / len(before))
            if last > mean + 3 * max(deviation, 0.01 * abs(mean), 1e-9):
                odd.append({"agent": agent, "metric": metric, "value": last, "mean": round(mean, 4)})
        for found in odd:
            self.ask_kindly("SelfHealingAgent", "report", agent=found["agent"], anomaly="slow")
        return {"anomalies": odd}

    @action("own_footprint")
    def own_footprint(self, request):
        """Memory and CPU time of this agent, for comparison."""
        times = self.process.cpu_times()
        return {"rss_mb": round(self.process.memory_info().rss / 2**20, 1), "cpu_seconds": round(times.user + times.system, 2)}


if __name__ == "__main__":
    run(PerformanceLoggerAgent)
