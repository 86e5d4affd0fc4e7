"""DreamingModeAgent: many dreams in a row, while nobody needs the system."""
from pc2_code.utils.service import Refusal, Service, action, run


class DreamingModeAgent(Service):
    """Lets DreamWorldAgent simulate and sums up what was learned."""

    duty = "simulation"

    def start(self):
        self.rounds = self.found = 0
        self.best = None

    @action("dream")
    def dream(self, request):
        """Dream `rounds` rounds in a world of `side`."""
        rounds, side = request.whole("rounds", 5), request.whole("side", 5)
        if not 1 <= rounds <= 100:
            raise Refusal("field 'rounds' must be 1 to 100")
        found = 0
        for _ in range(rounds):
            walk = self.ask("DreamWorldAgent", "simulate", side=side, seed=self.rounds)
            self.rounds += 1
            if walk["found"]:
                found += 1
                self.best = walk["steps"] if self.best is None else min(self.best, walk["steps"])
        self.found += found
        return {"rounds": rounds, "found": found, "best": self.best}

    @action("summary")
    def summary(self, request):
        """All dreams so far."""
        return {"rounds": self.rounds, "found": self.found, "best": self.best}


if __name__ == "__main__":
    run(DreamingModeAgent)
