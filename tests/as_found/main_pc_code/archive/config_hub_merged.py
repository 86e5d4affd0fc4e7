import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import json

from common.base_agent import BaseAgent
from common.config_loader import load, project_root

INTENTS = json.loads((project_root() / "main_pc_code" / "config" / "intents.json").read_text())


class ConfigHub(BaseAgent):
    """Settings for whoever asks, so that only one process reads the files."""

    def __init__(self):
        super().__init__()
        self.config = load("main_pc_code")
        self.log.info("%d sections, %d intents", len(self.config), len(INTENTS))

    def handle(self, request):
        if request.get("action") == "intents":
            return INTENTS
        node = self.config
        for part in request.get("key", "").split("."):
            node = node[part]
<<<<<<< HEAD
        return node
=======
        return dict(node)
>>>>>>> work


def main():
    ConfigHub().run()


if __name__ == "__main__":
    main()
