"""UnifiedSystemAgent: facts about the system that people ask for first."""
import os
import platform
import time

from main_pc_code.src.core.base_agent import BaseAgent


class UnifiedSystemAgent(BaseAgent):
    """Platform, disk and the number of plans, in one answer."""

    role = "system"

    def do_overview(self, request):
        """Platform, disk space of the data folder, clock, and plans of UnifiedPlanningAgent."""
        disk = os.statvfs(self.data_dir())
        plans = self.try_peer("UnifiedPlanningAgent", {"action": "plans"})
        return {
            "system": platform.system(),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "data_free_mb": disk.f_bavail * disk.f_frsize // 2**20,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "plans": plans["count"] if plans else None,
        }

    def do_environment(self, request):
        """The settings of this installation which agents look at."""
        names = ("DATA_DIR", "LOG_LEVEL", "ENABLE_METRICS", "MACHINE_TYPE", "PROJECT_ROOT")
        return {"environment": {name: os.environ.get(name) for name in names}}


if __name__ == "__main__":
    UnifiedSystemAgent.main()
