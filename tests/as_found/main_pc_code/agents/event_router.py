"""XSUB in, XPUB out: publishers and subscribers need to know this agent alone."""
import os
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
if ROOT not in sys.path:
    sys.path.append(ROOT)

import zmq

from common.base_agent import BaseAgent

IN_OFFSET, OUT_OFFSET = 3, 4


class EventRouter(BaseAgent):
    def __init__(self):
        super().__init__(name="EventRouter")
        self.incoming = self.context.socket(zmq.XSUB)
        self.incoming.bind("tcp://*:%d" % (self.port + IN_OFFSET))
        self.outgoing = self.context.socket(zmq.XPUB)
        self.outgoing.bind("tcp://*:%d" % (self.port + OUT_OFFSET))
        for socket in (self.incoming, self.outgoing):
            socket.linger = 0
        threading.Thread(target=self.forward, daemon=True).start()

    def forward(self):
        try:
            zmq.proxy(self.incoming, self.outgoing)
        except zmq.ContextTerminated:
            pass

    def handle(self, request):
        return {"in": self.port + IN_OFFSET, "out": self.port + OUT_OFFSET}


if __name__ == "__main__":
    agent = EventRouter()
    try:
        agent.run()
    except KeyboardInterrupt:
        agent.stop()
