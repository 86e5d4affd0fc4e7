"""TTSConnector: connects what wants to speak with what can be heard."""
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require


class TTSConnector(BaseAgent):
    """Keeps the list of outputs (speakers, headsets) and chooses one."""

    role = "speech"

    def setup(self):
        self.outputs = {}

    def do_connect(self, request):
        """Add an `output` with a `priority`, and let CoordinatorAgent know."""
        output = require(request, "output")
        self.outputs[output] = int(request.get("priority", 0))
        announced = self.try_peer("CoordinatorAgent", {"action": "announce", "source": self.name, "event": f"connected {output}"})
        return {"outputs": sorted(self.outputs), "announced": announced is not None}

    def do_disconnect(self, request):
        """Remove an `output`."""
        if self.outputs.pop(require(request, "output"), None) is None:
            raise RequestError(f"no output '{request['output']}'")
        return {"outputs": sorted(self.outputs)}

    def do_choose(self, request):
        """The output with the highest priority, and what was spoken lately according to CoordinatorAgent."""
        if not self.outputs:
            raise RequestError("no output is connected")
        spoken = self.try_peer("CoordinatorAgent", {"action": "events", "source": "StreamingTTSAgent"})
        return {"output": max(self.outputs, key=self.outputs.get), "spoken_lately": len(spoken["events"]) if spoken else None}


if __name__ == "__main__":
    TTSConnector.main()
