import hashlib
import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

from common.base_agent import BaseAgent

CACHE = os.path.join("main_pc_code", "cache", "voice")
os.makedirs(CACHE, exist_ok=True)


class VoiceCache(BaseAgent):
    limit = 64

    def __init__(self):
        super().__init__(name="VoiceCache")
        self.hits = self.misses = 0

    def handle(self, request):
        path = os.path.join(CACHE, hashlib.sha256(request["text"].encode()).hexdigest())
        if os.path.exists(path):
            self.hits += 1
            with open(path) as file:
                return file.read()
        self.misses += 1
        with open(path, "w") as file:
            file.write(request.get("sound", ""))
        self.evict()
        return None

    def evict(self):
        files = sorted((os.path.join(CACHE, name) for name in os.listdir(CACHE)), key=os.path.getmtime)
        for path in files[: -self.limit]:
            os.remove(path)


if __name__ == "__main__":
    VoiceCache().run()
