import functools
import time


def timed(function):
    @functools.wraps(function)
    def inner(self, *args, **kwargs):
        started = time.perf_counter()
        try:
            return function(self, *args, **kwargs)
        finally:
            self.log.debug("%s took %.1f ms", function.__name__, 1000 * (time.perf_counter() - started))

    return inner


class Breaker:
    """Opens after a number of failures, closes again after a pause."""

    def __init__(self, limit=3, pause=10.0):
        self.limit, self.pause = limit, pause
        self.failures, self.opened = 0, None

    @property
    def is_open(self):
        if self.opened is not None and time.monotonic() - self.opened > self.pause:
            self.failures, self.opened = 0, None
        return self.opened is not None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.failures = 0
        else:
            self.failures += 1
            if self.failures >= self.limit:
                self.opened = time.monotonic()
        return False
