"""ResourceManager: what this machine has left, and who reserved some of it."""
import itertools

import psutil

from pc2_code.utils.service import Refusal, Service, action, run


class ResourceManager(Service):
    """Reservations of memory; a system that is not healthy gets only small ones."""

    duty = "resources"

    @classmethod
    def flags(cls, parser):
        parser.add_argument("--reservable_mb", type=int, default=2048, help="memory that may be reserved in all")

    def start(self):
        self.reservations = {}
        self.numbers = itertools.count(1)

    @action("usage")
    def usage(self, request):
        """Load, memory and reservations now."""
        memory = psutil.virtual_memory()
        return {
            "cpu_count": psutil.cpu_count(),
            "load": list(psutil.getloadavg()),
            "memory_percent": memory.percent,
            "available_mb": memory.available // 2**20,
            "reserved_mb": sum(self.reservations.values()),
        }

    @action("reserve")
    def reserve(self, request):
        """Reserve `mb` megabytes."""
        wanted = request.whole("mb")
        left = self.options.reservable_mb - sum(self.reservations.values())
        if not 0 < wanted <= left:
            raise Refusal(f"{wanted} MB cannot be reserved, {left} MB are left")
        if wanted > 512:
            state = self.ask_kindly("HealthMonitor", "status")
            if state and state["failing"]:
                raise Refusal("the system is not healthy enough for a large reservation")
        number = next(self.numbers)
        self.reservations[number] = wanted
        return {"reservation": number, "left_mb": left - wanted}

    @action("release")
    def release(self, request):
        """Give a `reservation` back."""
        if self.reservations.pop(request.whole("reservation"), None) is None:
            raise Refusal("there is no such reservation")
        return {"left_mb": self.options.reservable_mb - sum(self.reservations.values())}


if __name__ == "__main__":
    run(ResourceManager)
