import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
from main_pc_code.src.core.publisher import PublishingAgent


class ToneSetter(PublishingAgent):
    topic = "tone"

    def __init__(self):
        super().__init__("ToneSetter", port=7234)
        self.tone = "neutral"

    def handle(self, request):
        self.tone = request.get("tone", self.tone)
        self.publish({"tone": self.tone})
        return self.tone


if __name__ == "__main__":
    ToneSetter().run()
