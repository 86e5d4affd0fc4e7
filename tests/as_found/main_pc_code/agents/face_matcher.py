import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
import hearth_faces
import numpy as np
from common.base_agent import BaseAgent


class FaceMatcher(BaseAgent):
    def __init__(self):
        super().__init__(name="FaceMatcher")
        self.known = {}

    def handle(self, request):
        picture = np.asarray(request["picture"], dtype=np.uint8)
        found = hearth_faces.face_encodings(picture)
        return [name for name, known in self.known.items() if any(hearth_faces.compare_faces(found, known))]


if __name__ == "__main__":
    FaceMatcher().run()
