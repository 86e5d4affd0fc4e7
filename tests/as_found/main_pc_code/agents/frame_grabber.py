import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
import zlib
import numpy as np
from main_pc_code.src.core.publisher import PublishingAgent

try:
    import cv2
except ImportError:
    cv2 = None


class FrameGrabber(PublishingAgent):
    """Pictures of the camera; where there is none, a moving gradient."""

    topic = "frame"
    interval = 2

    def __init__(self, camera=0, size=(32, 32)):
        super().__init__(name="FrameGrabber")
        self.size, self.count = size, 0
        self.camera = cv2.VideoCapture(camera) if cv2 is not None else None

    def grab(self):
        if self.camera is not None:
            good, picture = self.camera.read()
            if good:
                return picture.mean(axis=2)
        row = (np.arange(self.size[1]) + self.count) % 256
        return np.tile(row, (self.size[0], 1))

    def work(self):
        picture = self.grab().astype(np.uint8)
        self.count += 1
        self.publish({"number": self.count, "bytes": len(zlib.compress(picture.tobytes()))})

    def handle(self, request):
        return {"frames": self.count, "camera": self.camera is not None}


if __name__ == "__main__":
    FrameGrabber().run()
