"""VRAMOptimizerAgent: unloads models that nobody is likely to need soon."""
from main_pc_code.src.core.base_agent import BaseAgent

# kind of task at TaskRouter -> the model it needs
NEEDS = {"speak": "tts-base", "transcribe": "whisper-small"}


class VRAMOptimizerAgent(BaseAgent):
    """Weighs idle time, use and the state of the system."""

    role = "learning"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--idle_seconds", type=float, default=600.0, help="idle time from which a model may be unloaded")

    def do_analyze(self, request):
        """Which models could go, which are needed, and how the system is."""
        models = self.request_peer("ModelManagerAgent", {"action": "status"})
        routed = self.try_peer("TaskRouter", {"action": "statistics"})
        twin = self.try_peer("SystemDigitalTwin", {"action": "state"}, timeout=3.0)
        counts = routed["counts"] if routed else {}
        needed = {model for kind, model in NEEDS.items() if counts.get(kind, {}).get("sent")}
        idle = models["idle_seconds"]
        candidates = sorted(model for model in idle if idle[model] >= self.options.idle_seconds and model not in needed)
        return {
            "candidates": candidates,
            "needed": sorted(needed),
            "used_mb": models["used_mb"],
            "budget_mb": models["budget_mb"],
            "healthy_agents": twin["healthy"] if twin else None,
        }

    def do_optimize(self, request):
        """Unload the candidates of `analyze`."""
        released = []
        for model in self.do_analyze(request)["candidates"]:
            if self.request_peer("ModelManagerAgent", {"action": "release", "model": model})["released"]:
                released.append(model)
        return {"released": released}


if __name__ == "__main__":
    VRAMOptimizerAgent.main()
