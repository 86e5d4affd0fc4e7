"""FaceRecognitionAgent: tells pictures of faces apart by an average hash."""
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require

GRID = 8


def fingerprint(image):
    """64 bits: which cells of an 8x8 grid are brighter than the mean."""
    if not image or not all(isinstance(row, list) and len(row) == len(image[0]) for row in image):
        raise RequestError("field 'image' must be a list of rows of the same length")
    height, width = len(image), len(image[0])
    if height < GRID or width < GRID:
        raise RequestError(f"the picture must be at least {GRID} pixels wide and high")
    cells = []
    for i in range(GRID):
        for j in range(GRID):
            rows = image[i * height // GRID:(i + 1) * height // GRID]
            pixels = [pixel for row in rows for pixel in row[j * width // GRID:(j + 1) * width // GRID]]
            cells.append(sum(pixels) / len(pixels))
    mean = sum(cells) / len(cells)
    return "".join("1" if cell > mean else "0" for cell in cells)


class FaceRecognitionAgent(BaseAgent):
    """Enrols faces, recognises and greets them."""

    role = "vision"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--max_distance", type=int, default=10, help="bits in which two pictures of a face may differ")

    def setup(self):
        self.faces = {}

    def do_enroll(self, request):
        """Keep the face in `image` as that of `person`."""
        person = require(request, "person")
        self.faces[person] = fingerprint(require(request, "image", list))
        model = self.try_peer("ModelManagerAgent", {"action": "acquire", "model": "face-embed"})
        return {"person": person, "faces": len(self.faces), "model_ready": model is not None}

    def do_recognize(self, request):
        """Whose face is in `image`, if it is near enough to one that is known."""
        seen = fingerprint(require(request, "image", list))
        distances = {person: sum(a != b for a, b in zip(face, seen)) for person, face in self.faces.items()}
        person = min(distances, key=distances.get, default=None)
        if person is None or distances[person] > self.options.max_distance:
            return {"person": None, "distance": distances.get(person)}
        return {"person": person, "distance": distances[person]}

    def do_greet(self, request):
        """Recognise the face in `image` and have a greeting spoken by way of TaskRouter."""
        person = self.do_recognize(request)["person"] or "stranger"
        reply = self.request_peer("TaskRouter", {"action": "route", "kind": "speak", "question": f"Hello, {person}!"}, timeout=8.0)
        return {"person": person, "spoken_by": reply["answered_by"], "chunks": reply["chunks"]}


if __name__ == "__main__":
    FaceRecognitionAgent.main()
