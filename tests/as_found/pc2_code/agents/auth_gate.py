import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import hashlib
import hmac

from pc2_code.utils.pc2_agent import Pc2Agent


class AuthGate(Pc2Agent):
    def __init__(self):
        self.tokens = {self.token("admin")}
        self.secret = os.urandom(16)
        super().__init__(name="AuthGate")

    def token(self, user):
        return hmac.new(self.secret, user.encode(), hashlib.sha256).hexdigest()

    def handle(self, request):
        return request.get("token") in self.tokens


if __name__ == "__main__":
    AuthGate().run()
