"""An agent that publishes as well: a PUB socket two above its port."""

import json

import zmq

from common.base_agent import BaseAgent


class PublishingAgent(BaseAgent):
    topic = "news"
    pub_offset = 2

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pub_port = self.port + self.pub_offset
        self.publisher = self.context.socket(zmq.PUB)
        self.publisher.setsockopt(zmq.LINGER, 0)
        self.publisher.bind(f"tcp://{self.args.host}:{self.pub_port}")

    def publish(self, message):
        self.publisher.send_multipart([self.topic.encode(), json.dumps(message).encode()])

    def close(self):
        self.publisher.close()
        super().close()
