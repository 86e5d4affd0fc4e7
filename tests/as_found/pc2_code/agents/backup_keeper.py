import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import shutil
import tempfile
import time

from pc2_code.utils.pc2_agent import Pc2Agent


class BackupKeeper(Pc2Agent):
    interval = 20

    def __init__(self):
        super().__init__(name="BackupKeeper")
        self.folder = tempfile.mkdtemp(prefix="backup-")
        self.made = []

    def work(self):
        super().work()
        target = os.path.join(self.folder, time.strftime("%H%M%S"))
        shutil.copytree("pc2_code/config", target, dirs_exist_ok=True)
        self.made = (self.made + [target])[-5:]

    def handle(self, request):
        return self.made


if __name__ == "__main__":
    BackupKeeper().run()
