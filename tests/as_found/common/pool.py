"""REQ sockets to other agents, one for each address and thread."""

import os
import threading

import zmq

_local = threading.local()


def address_of(port, host=None):
    return f"tcp://{host or os.environ.get('MAIN_PC_IP', '127.0.0.1')}:{port}"


def get_socket(port, host=None, timeout_ms=2000):
    sockets = _local.__dict__.setdefault("sockets", {})
    address = address_of(port, host)
    if address not in sockets:
        socket = zmq.Context.instance().socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, timeout_ms)
        socket.setsockopt(zmq.SNDTIMEO, timeout_ms)
        socket.setsockopt(zmq.REQ_RELAXED, 1)
        socket.setsockopt(zmq.REQ_CORRELATE, 1)
        socket.connect(address)
        sockets[address] = socket
    return sockets[address]


def ask(port, request, host=None, default=None):
    socket = get_socket(port, host)
    try:
        socket.send_json(request)
        return socket.recv_json()
    except zmq.ZMQError:
        return default
