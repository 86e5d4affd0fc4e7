import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import enum

from pc2_code.utils.pc2_agent import Pc2Agent


class Tier(enum.IntEnum):
    FAST = 0
    GOOD = 1
    BEST = 2

    @classmethod
    def of(cls, length):
        return cls.FAST if length < 80 cls.GOOD if length < 400 else cls.BEST


class TierRouter(Pc2Agent):
    def __init__(self):
        super().__init__(name="TierRouter")
        self.counts = {tier: 0 for tier in Tier}

    def handle(self, request):
        tier = Tier.of(len(request.get("text", "")))
        self.counts[tier] += 1
        return tier.name


if __name__ == "__main__":
    TierRouter().run()
