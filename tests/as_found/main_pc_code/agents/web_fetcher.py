"""Fetches pages. Health is asked over HTTP, since the router of the house asks it, too."""
import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
import zmq

from common.base_agent import parse_agent_args

ARGS = parse_agent_args()
PORT = ARGS.port or 7288
STATE = {"status": "ok", "started": time.time(), "fetched": 0}


class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path not in ("/health", "/healthz"):
            self.send_error(404)
            return
        body = json.dumps(STATE).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer((ARGS.host, PORT + 1), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    socket = zmq.Context().socket(zmq.REP)
    socket.bind(f"tcp://{ARGS.host}:{PORT}")
    session = requests.Session()
    while True:
        request = socket.recv_json()
        try:
            answer = session.get(request["url"], timeout=5)
            STATE["fetched"] += 1
            socket.send_json({"status": "ok", "code": answer.status_code, "length": len(answer.content)})
        except (KeyError, requests.RequestException) as error:
            socket.send_json({"status": "error", "error": str(error)})


if __name__ == "__main__":
    main()
