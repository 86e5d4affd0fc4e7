"""VisionProcessingAgent: simple image processing on grey pictures."""
import hashlib
import json

from pc2_code.utils.service import Refusal, Service, action, run

MAX_SIDE = 128


def check(image):
    """The width and height of a picture that is a list of equally long rows of numbers."""
    if not image or not all(isinstance(row, list) and len(row) == len(image[0]) for row in image):
        raise Refusal("field 'image' must be a list of rows of the same length")
    if not 3 <= len(image) <= MAX_SIDE or not 3 <= len(image[0]) <= MAX_SIDE:
        raise Refusal(f"the picture must have 3 to {MAX_SIDE} rows and columns")
    if not all(isinstance(pixel, (int, float)) for row in image for pixel in row):
        raise Refusal("pixels must be numbers")
    return len(image[0]), len(image)


def edges(image, width, height):
    """How many inner pixels differ strongly from their right and lower neighbours."""
    count = 0
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            across = image[y][x + 1] - image[y][x - 1]
            down = image[y + 1][x] - image[y - 1][x]
            count += abs(across) + abs(down) > 64
    return count


class VisionProcessingAgent(Service):
    """Brightness, edges and histogram; results are kept by CacheManager."""

    duty = "vision"

    @action("process")
    def process(self, request):
        """Figures of `image`."""
        image = request.items_of("image")
        width, height = check(image)
        key = "vision:" + hashlib.sha256(json.dumps(image).encode()).hexdigest()[:24]
        cached = self.ask_kindly("CacheManager", "get", key=key)
        if cached and cached["hit"]:
            return {**cached["value"], "cached": True}
        pixels = [pixel for row in image for pixel in row]
        histogram = [0] * 8
        for pixel in pixels:
            histogram[max(0, min(7, int(pixel) // 32))] += 1
        figures = {
            "width": width,
            "height": height,
            "brightness": round(sum(pixels) / len(pixels), 2),
            "edges": edges(image, width, height),
            "histogram": histogram,
        }
        self.tell("CacheManager", "put", key=key, value=figures)
        return {**figures, "cached": False}


if __name__ == "__main__":
    run(VisionProcessingAgent)
