import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import zmq

from common.pool import address_of
from pc2_code.utils.pc2_agent import Pc2Agent


class RemoteBridge(Pc2Agent):
    """Requests of PC2 for agents of the main PC go through here."""

    def __init__(self):
        super().__init__(name="RemoteBridge")
        self.far = self.context.socket(zmq.DEALER)
        self.far.setsockopt(zmq.LINGER, 0)
        self.far.connect(address_of(7115))

    def handle(self, request):
        self.far.send_multipart([b"", str(request).encode()])
        if self.far.poll(500):
            return self.far.recv_multipart()[-1].decode()
        return None

    def close(self):
        self.far.close()
        super().close()


if __name__ == "__main__":
    RemoteBridge().run()
