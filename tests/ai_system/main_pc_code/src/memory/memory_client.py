"""MemoryClient: the convenient way to MemoryOrchestrator, with names in namespaces."""
from main_pc_code.src.core.base_agent import BaseAgent, PeerRefused, require


class MemoryClient(BaseAgent):
    """A façade: namespaced keys, defaults, several records in one request."""

    role = "memory"

    @staticmethod
    def key(request, name):
        """The full key of a name in the request's namespace."""
        return f"{request.get('namespace', 'shared')}:{name}"

    def do_remember(self, request):
        """Store one `value` under `name` in a `namespace`."""
        key = self.key(request, require(request, "name"))
        value = require(request, "value", object)
        return {"key": self.request_peer("MemoryOrchestrator", {"action": "store", "key": key, "value": value})["key"]}

    def do_remember_all(self, request):
        """Store each of `values`, a mapping of names to values."""
        values = require(request, "values", dict)
        for name, value in values.items():
            self.request_peer("MemoryOrchestrator", {"action": "store", "key": self.key(request, name), "value": value})
        return {"stored": len(values)}

    def do_recall(self, request):
        """The value under `name`, or `default` when there is none."""
        key = self.key(request, require(request, "name"))
        try:
            record = self.request_peer("MemoryOrchestrator", {"action": "get", "key": key})
        except PeerRefused:
            return {"value": request.get("default"), "found": False}
        return {"value": record["value"], "found": True}

    def do_find(self, request):
        """The names, in all namespaces, of records which contain `text`."""
        reply = self.request_peer("MemoryOrchestrator", {"action": "search", "text": require(request, "text")})
        return {"keys": [record["key"] for record in reply["records"]]}


if __name__ == "__main__":
    MemoryClient.main()
