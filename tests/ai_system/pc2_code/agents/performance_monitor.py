"""PerformanceMonitor: figures of the agents, summed up while they come in."""
from pc2_code.utils.service import Service, action, run


class Series:
    """Count, mean, extremes and a moving average of one figure."""

    def __init__(self):
        self.count, self.mean, self.moving = 0, 0.0, None
        self.low, self.high = float("inf"), float("-inf")

    def add(self, value):
        """Take in one value."""
        self.count += 1
        self.mean += (value - self.mean) / self.count
        self.moving = value if self.moving is None else 0.8 * self.moving + 0.2 * value
        self.low, self.high = min(self.low, value), max(self.high, value)

    def summary(self):
        """All of it, rounded."""
        figures = {"mean": self.mean, "moving": self.moving, "min": self.low, "max": self.high}
        return {"count": self.count, **{name: round(value, 4) for name, value in figures.items()}}


class PerformanceMonitor(Service):
    """Keeps sums itself and leaves the single values to PerformanceLoggerAgent."""

    duty = "performance"

    def start(self):
        self.series = {}

    @action("record")
    def record(self, request):
        """A `value` of a `metric` of an `agent`."""
        agent, metric, value = request.text("agent"), request.text("metric"), request.number("value")
        series = self.series.setdefault(f"{agent}.{metric}", Series())
        series.add(value)
        # In the background: the logger is part of a cycle which ends at our own callers.
        self.tell("PerformanceLoggerAgent", "append", agent=agent, metric=metric, value=value)
        return {"count": series.count, "moving": round(series.moving, 4)}

    @action("summary")
    def summary(self, request):
        """The sums of all figures, or those of one `agent`."""
        prefix = request.text("agent", "")
        start = f"{prefix}." if prefix else ""
        return {"metrics": {name: series.summary() for name, series in self.series.items() if name.startswith(start)}}


if __name__ == "__main__":
    run(PerformanceMonitor)
