"""Episodes, in the order they came. Older than the base class: it has its own sockets, and its own ports."""
import json
import logging
import threading
import time

import zmq

logging.basicConfig(
    level=logging.INFO,
    handlers=[logging.StreamHandler(), logging.FileHandler("episode_log.log")],
)
log = logging.getLogger("EpisodeLog")

PORT = 5596
HEALTH_PORT = 5597


class EpisodeLog:
    def __init__(self):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.REP)
        self.socket.bind(f"tcp://127.0.0.1:{PORT}")
        self.health = self.context.socket(zmq.REP)
        self.health.bind(f"tcp://127.0.0.1:{HEALTH_PORT}")
        self.episodes = []
        log.info("listens on %d", PORT)

    def watch(self):
        while True:
            self.health.recv()
            self.health.send_json({"status": "ok", "episodes": len(self.episodes)})

    def run(self):
        threading.Thread(target=self.watch, daemon=True).start()
        while True:
            request = json.loads(self.socket.recv())
            if "episode" in request:
                self.episodes.append((time.time(), request["episode"]))
            self.socket.send_json({"status": "ok", "count": len(self.episodes)})


if __name__ == "__main__":
    EpisodeLog().run()
