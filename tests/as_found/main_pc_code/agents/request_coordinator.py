"""Takes a request, finds out whose it is, asks that agent."""
import sys
from collections import deque
from enum import Enum, auto
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent.resolve()))

from common.base_agent import BaseAgent
from common.errors import NotReady
from common.pool import ask
from main_pc_code.utils.timing import Breaker, timed

LOG = open("request_coordinator_requests.log", "a", buffering=1)


class Kind(Enum):
    SPEECH = auto()
    PLAN = auto()
    CODE = auto()


PORTS = {Kind.SPEECH: 7190, Kind.PLAN: 7180, Kind.CODE: 7280}


class RequestCoordinator(BaseAgent):
    def __init__(self):
        super().__init__(name="RequestCoordinator")
        self.recent = deque(maxlen=100)
        self.breakers = {kind: Breaker() for kind in Kind}

    @timed
    def handle(self, request):
        kind = Kind[request.get("kind", "plan").upper()]
        breaker = self.breakers[kind]
        if breaker.is_open:
            raise NotReady(kind.name)
        with breaker:
            answer = ask(PORTS[kind], request.get("request", {}))
            if answer is None:
                raise NotReady(kind.name, waited=2.0)
        self.recent.append(request)
        print(kind.name, request.get("request"), file=LOG)
        return answer


if __name__ == "__main__":
    RequestCoordinator().run()
