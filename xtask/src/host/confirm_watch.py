"""First process of a sealed container: starts the supervisor with the config that it is given, follows its one agent
until the agent's fate is known, and prints what was seen as one line of JSON."""

import collections
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

SUPERVISOR, CONFIG, SECONDS = sys.argv[1:4]
LOG_BYTES = 256 * 1024
END = time.monotonic() + float(SECONDS)
KNOWN = ("healthy", "mute", "failed", "backoff")


class Lines:
    """The end of what the agent printed, and of what the supervisor itself said."""

    def __init__(self, stream, agent):
        self.stream, self.prefix = stream, f"[{agent}] "
        self.agent, self.size = collections.deque(), 0
        self.supervisor = collections.deque(maxlen=20)
        self.begun = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.stream:
            self.begun.set()
            line = line.decode("utf-8", "replace").rstrip("\n")
            if line.startswith(self.prefix):
                line = line[len(self.prefix):]
                self.agent.append(line)
                self.size += len(line) + 1
                while self.size > LOG_BYTES:
                    self.size -= len(self.agent.popleft()) + 1
            else:
                self.supervisor.append(line)
        self.begun.set()


def fetch(port, version):
    """The status document and its version, as soon as there is a newer one than that."""
    hold = max(1, int((END - time.monotonic()) * 1000))
    path = f"/status?wait_change={version}&timeout_ms={hold}" if version else "/status"
    with socket.create_connection(("127.0.0.1", port), timeout=hold / 1000 + 2) as stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        with stream.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "x-status-version":
            return json.loads(body), value.strip()
    raise ValueError(f"no status document: {head!r}")


def follow(port):
    """The agent's part of the last status document, when its fate is known or the time is over."""
    agent, version = None, None
    while time.monotonic() < END:
        try:
            document, version = fetch(port, version)
        except (OSError, ValueError):
            break
        agent = document["agents"][0]
        if agent["state"] in KNOWN:
            break
    return agent


def listening(besides):
    """TCP ports that somebody listens on."""
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except OSError:
            continue
        ports.update(int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A")
    return sorted(ports - {besides})


def environment():
    """What the container was given: the interpreter adds to its own."""
    with open("/proc/self/environ", "rb") as file:
        pairs = [pair.partition(b"=") for pair in file.read().split(b"\0") if pair]
    return {name: value for name, _, value in pairs}


def main():
    # The kernel keeps every signal from a first process that does not handle it.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    config = json.loads(CONFIG)
    supervisor = subprocess.Popen(
        [SUPERVISOR, "--config", "/dev/stdin"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines = Lines(supervisor.stdout, config["agents"][0]["name"])
    supervisor.stdin.write(CONFIG.encode())
    supervisor.stdin.close()
    # It listens before it says anything.
    lines.begun.wait(max(0, END - time.monotonic()))
    agent = follow(config["status_port"])
    ports = listening(config["status_port"])
    if agent is None or agent["state"] != "healthy":
        # Whoever stops says the rest first.
        supervisor.terminate()
        lines.reader.join(config["supervision"]["stop_grace_ms"] / 1000 + 2)
    print(
        json.dumps(
            {
                "agent": agent,
                "listening": ports,
                "log": "\n".join(lines.agent),
                "supervisor": "\n".join(lines.supervisor),
            }
        ),
        flush=True,
    )
    os._exit(0)


main()
