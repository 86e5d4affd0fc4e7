"""TTSCache: does not have the same sentence synthesised twice."""
from collections import OrderedDict

from main_pc_code.src.core.base_agent import BaseAgent, require


class TTSCache(BaseAgent):
    """Least recently used texts are dropped first."""

    role = "speech"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--max_entries", type=int, default=200, help="how many texts are kept")

    def setup(self):
        self.entries = OrderedDict()
        self.hits = self.misses = 0

    def do_get(self, request):
        """The chunks of `text`: from the cache, or else from StreamingTTSAgent."""
        text = require(request, "text")
        if text in self.entries:
            self.hits += 1
            self.entries.move_to_end(text)
            return {"chunks": self.entries[text], "cached": True}
        chunks = self.request_peer("StreamingTTSAgent", {"action": "speak", "text": text})["chunks"]
        self.misses += 1
        self.entries[text] = chunks
        while len(self.entries) > self.options.max_entries:
            self.entries.popitem(last=False)
        return {"chunks": chunks, "cached": False}

    def do_statistics(self, request):
        """Entries, hits and misses."""
        return {"entries": len(self.entries), "hits": self.hits, "misses": self.misses}


if __name__ == "__main__":
    TTSCache.main()
