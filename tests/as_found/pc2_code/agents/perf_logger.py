import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

from abc import abstractmethod, ABC

from pc2_code.utils.pc2_agent import Pc2Agent


class Sink(ABC):
    @abstractmethod
    def write(self, line): ...

    @abstractmethod
    def flush(self): ...


class MemorySink(Sink):
    def __init__(self):
        self.lines = []

    def write(self, line):
        self.lines.append(line)


class PerfLogger(Pc2Agent):
    def __init__(self):
        super().__init__(name="PerfLogger")
        self.sink = MemorySink()

    def handle(self, request):
        self.sink.write(request)
        return len(self.sink.lines)


if __name__ == "__main__":
    PerfLogger().run()
