"""What the agents of PC2 have in common: the main PC's base class, and a watchdog."""

import threading
import time

from common.base_agent import BaseAgent
from main_pc_code.utils.network import pc2_host


class Pc2Agent(BaseAgent):
    watchdog_seconds = 30

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.home = pc2_host()
        self.last_work = time.monotonic()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self):
        while self.running:
            time.sleep(1)
            if time.monotonic() - self.last_work > self.watchdog_seconds:
                self.log.warning("no work for %d s", self.watchdog_seconds)
                self.last_work = time.monotonic()

    def work(self):
        self.last_work = time.monotonic()
