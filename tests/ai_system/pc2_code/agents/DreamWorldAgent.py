"""DreamWorldAgent: a small world in which a wanderer looks for a treasure."""
import random

from pc2_code.utils.service import Refusal, Service, action, run

MOVES = {"north": (0, -1), "south": (0, 1), "west": (-1, 0), "east": (1, 0)}


def wander(side, steps, seed):
    """One walk through a square world: the way, and whether the treasure was found."""
    chance = random.Random(seed)
    treasure = (chance.randrange(side), chance.randrange(side))
    here, way = (side // 2, side // 2), []
    for _ in range(steps):
        if here == treasure:
            return way, True
        name = chance.choice(list(MOVES))
        x, y = here[0] + MOVES[name][0], here[1] + MOVES[name][1]
        here = (min(side - 1, max(0, x)), min(side - 1, max(0, y)))
        way.append(name)
    return way, here == treasure


class DreamWorldAgent(Service):
    """Simulates scenarios; what came out is remembered for the reasoning."""

    duty = "simulation"

    @action("simulate")
    def simulate(self, request):
        """Walk through a world of `side` for up to `steps`; the same `seed` gives the same walk."""
        side, steps, seed = request.whole("side", 5), request.whole("steps", 100), request.whole("seed", 0)
        if not 2 <= side <= 50 or not 1 <= steps <= 5000:
            raise Refusal("side must be 2 to 50 and steps 1 to 5000")
        way, found = wander(side, steps, seed)
        result = "treasure" if found else "nothing"
        self.tell("UnifiedMemoryReasoningAgent", "remember", subject=f"dream {seed}", relation="found", object=result, source=self.name)
        return {"found": found, "steps": len(way), "way": way[:50]}

    @action("remembered")
    def remembered(self, request):
        """The dreams which UnifiedMemoryReasoningAgent knows."""
        reply = self.ask("UnifiedMemoryReasoningAgent", "recall", text="dream ")
        return {"dreams": [f"{row['subject']} {row['relation']} {row['object']}" for row in reply["statements"]]}


if __name__ == "__main__":
    run(DreamWorldAgent)
