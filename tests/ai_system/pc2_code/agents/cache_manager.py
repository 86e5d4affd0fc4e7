"""CacheManager: values with a time to live; the least recently used go first."""
import time
from collections import OrderedDict

from pc2_code.utils.service import Service, action, run


class CacheManager(Service):
    """A cache for all of PC2."""

    duty = "cache"

    @classmethod
    def flags(cls, parser):
        parser.add_argument("--max_entries", type=int, default=1000, help="how many values are kept")
        parser.add_argument("--default_ttl", type=float, default=300.0, help="seconds a value lives unless told otherwise")

    def start(self):
        self.entries = OrderedDict()
        self.counts = {"hits": 0, "misses": 0, "expired": 0, "evicted": 0}

    @action("put")
    def put(self, request):
        """Keep `value` under `key` for `ttl` seconds."""
        key = request.text("key")
        self.entries.pop(key, None)
        self.entries[key] = (request.get("value"), time.monotonic() + request.number("ttl", self.options.default_ttl))
        while len(self.entries) > self.options.max_entries:
            self.entries.popitem(last=False)
            self.counts["evicted"] += 1
        return {"key": key, "entries": len(self.entries)}

    @action("get")
    def get(self, request):
        """The value under `key`, if it is there and alive."""
        key = request.text("key")
        value, expires = self.entries.get(key, (None, None))
        if expires is not None and expires <= time.monotonic():
            del self.entries[key]
            self.counts["expired"] += 1
            expires = None
        if expires is None:
            self.counts["misses"] += 1
            return {"key": key, "hit": False, "value": None}
        self.counts["hits"] += 1
        self.entries.move_to_end(key)
        return {"key": key, "hit": True, "value": value}

    @action("invalidate")
    def invalidate(self, request):
        """Drop `key`, or every key that starts with `prefix`."""
        if "prefix" in request:
            doomed = [key for key in self.entries if key.startswith(request.text("prefix"))]
        else:
            doomed = [key for key in [request.text("key")] if key in self.entries]
        for key in doomed:
            del self.entries[key]
        return {"removed": len(doomed)}

    @action("stats")
    def stats(self, request):
        """Entries, hits, misses, expired and evicted values."""
        return {"entries": len(self.entries), "max_entries": self.options.max_entries, **self.counts}

    @action("measure")
    def measure(self, request):
        """Have AsyncProcessor measure the size of all values; the reply names the job."""
        values = [value for value, _ in self.entries.values()]
        return {"job": self.ask("AsyncProcessor", "submit", op="size", data=values)["job"], "entries": len(values)}


if __name__ == "__main__":
    run(CacheManager)
