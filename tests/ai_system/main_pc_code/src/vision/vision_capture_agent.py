"""VisionCaptureAgent: the source of pictures. Without a camera it draws test scenes."""
from main_pc_code.src.core.base_agent import BaseAgent, RequestError

MAX_SIDE = 64


def draw(scene, side, frame):
    """A square grey picture (0 to 255) of a scene; a moving one depends on the frame."""
    middle = (side - 1) / 2
    if scene == "gradient":
        return [[255 * x // (side - 1) for x in range(side)] for _ in range(side)]
    if scene == "circle":
        radius = side / 3
        return [[255 if (x - middle) ** 2 + (y - middle) ** 2 <= radius**2 else 0 for x in range(side)] for y in range(side)]
    if scene == "moving_bar":
        return [[255 if x == frame % side else 0 for x in range(side)] for _ in range(side)]
    raise RequestError("field 'scene' must be gradient, circle or moving_bar")


class VisionCaptureAgent(BaseAgent):
    """Gives out frames and tells CoordinatorAgent about the first of each scene."""

    role = "vision"

    def setup(self):
        self.frames = 0
        self.scenes = set()

    def do_capture(self, request):
        """A frame of `scene`, `side` pixels wide and high."""
        scene, side = request.get("scene", "circle"), request.get("side", 16)
        if not isinstance(side, int) or not 2 <= side <= MAX_SIDE:
            raise RequestError(f"field 'side' must be a whole number from 2 to {MAX_SIDE}")
        image = draw(scene, side, self.frames)
        self.frames += 1
        if scene not in self.scenes:
            self.scenes.add(scene)
            self.notify_peer("CoordinatorAgent", {"action": "announce", "source": self.name, "event": f"sees {scene}"})
        return {"image": image, "frame": self.frames, "scene": scene}

    def do_noticed(self, request):
        """What of this camera is on CoordinatorAgent's notice board."""
        reply = self.request_peer("CoordinatorAgent", {"action": "events", "source": self.name})
        return {"events": [event["event"] for event in reply["events"]]}


if __name__ == "__main__":
    VisionCaptureAgent.main()
