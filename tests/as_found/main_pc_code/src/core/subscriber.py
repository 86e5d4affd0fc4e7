"""What other agents publish, in a thread of its own."""

import json
import os
import threading

import zmq


class Subscription(threading.Thread):
    def __init__(self, port, topic, callback, host=None):
        super().__init__(daemon=True)
        self.callback = callback
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVTIMEO, 500)
        self.socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        self.socket.connect(f"tcp://{host or os.environ.get('MAIN_PC_IP', '127.0.0.1')}:{port}")
        self.running = True

    def run(self):
        while self.running:
            try:
                _, raw = self.socket.recv_multipart()
            except zmq.Again:
                continue
            self.callback(json.loads(raw))
