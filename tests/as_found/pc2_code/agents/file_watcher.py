import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

from pathlib import Path

from pc2_code.utils.pc2_agent import Pc2Agent


class FileWatcher(Pc2Agent):
    interval = 5

    def __init__(self, folder="pc2_code/config"):
        super().__init__(name="FileWatcher")
        self.folder, self.seen, self.changes = Path(folder), {}, []

    def work(self):
        super().work()
        for path in self.folder.glob("*.yaml"):
            changed = path.stat().st_mtime
            if self.seen.setdefault(path, changed) != changed:
                self.seen[path] = changed
                self.changes.append(str(path))

    def handle(self, request):
        return self.changes


if __name__ == "__main__":
    FileWatcher().run()
