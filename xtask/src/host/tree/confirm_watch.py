"""First process of a sealed container: starts the supervisor with the config that it is given, follows its one agent
until the agent's fate is known, and prints what was seen as one line of JSON."""

import collections
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
import time

TASK = json.loads(sys.argv[1])
LOG_BYTES = 256 * 1024
LINE_BYTES = 8 * 1024
DOCUMENT_BYTES = 4 * 1024 * 1024
END = time.monotonic() + TASK["seconds"]
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
        rest, cut = b"", False
        while piece := os.read(self.stream.fileno(), 65536):
            self.begun.set()
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                # The rest of a line whose beginning was long enough.
                if not cut:
                    self.take(line)
                cut = False
            if len(rest) > LINE_BYTES:
                if not cut:
                    self.take(rest)
                rest, cut = b"", True
        if rest and not cut:
            self.take(rest)
        self.begun.set()

    def take(self, line):
        line = line[:LINE_BYTES].decode("utf-8", "replace")
        if not line.startswith(self.prefix):
            self.supervisor.append(line)
            return
        line = line[len(self.prefix):]
        self.agent.append(line)
        self.size += len(line) + 1
        while self.size > LOG_BYTES:
            self.size -= len(self.agent.popleft()) + 1


def fetch(port, version):
    """The status document and its version, as soon as there is a newer one than that."""
    hold = max(1, int((END - time.monotonic()) * 1000))
    path = f"/status?wait_change={version}&timeout_ms={hold}" if version else "/status"
    with socket.create_connection(("127.0.0.1", port), timeout=hold / 1000 + 2) as stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        with stream.makefile("rb") as file:
            head, _, body = file.read(DOCUMENT_BYTES).partition(b"\r\n\r\n")
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
    """What the supervisor is given, with what Podman sets for its user. This process has another."""
    try:
        home = pwd.getpwuid(TASK["user"]).pw_dir
    except KeyError:
        home = "/"
    return {"HOME": home, "HOSTNAME": socket.gethostname(), "container": "podman", **TASK["environment"]}


def become():
    """From here on as the user that agents run as, who cannot touch this process."""
    os.setgroups([])
    os.setgid(TASK["user"])
    os.setuid(TASK["user"])


def say(agent, ports, log, supervisor):
    """The one document, and the end."""
    print(json.dumps({"agent": agent, "listening": ports, "log": log, "supervisor": supervisor}), flush=True)
    os._exit(0)


def main():
    # The kernel keeps every signal from a first process that does not handle it.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    for path, identity in TASK["mounts"].items():
        there = os.stat(path)
        if [there.st_dev, there.st_ino] != identity:
            say(None, [], "", f"{path} is not the folder of the tree that it was: nothing was started")
    for path in TASK["writable"]:
        os.chmod(path, 0o1777)
    config = json.loads(TASK["config"])
    given, giving = os.pipe()
    # It is opened by its path, by another user than who made it.
    os.fchmod(given, 0o444)
    supervisor = subprocess.Popen(
        [TASK["supervisor"], "--config", "/dev/stdin"],
        env=environment(),
        preexec_fn=become,
        stdin=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines = Lines(supervisor.stdout, config["agents"][0]["name"])
    os.close(given)
    try:
        with os.fdopen(giving, "wb") as stream:
            stream.write(TASK["config"].encode())
    except BrokenPipeError:
        # It has ended, and said why.
        pass
    # It listens before it says anything.
    lines.begun.wait(max(0, END - time.monotonic()))
    agent = follow(config["status_port"])
    if supervisor.poll() is not None and agent is not None and agent["state"] in ("healthy", "mute"):
        # Somebody else has answered.
        agent = None
    ports = listening(config["status_port"])
    if agent is None or agent["state"] != "healthy":
        # Whoever stops says the rest first.
        supervisor.terminate()
        lines.reader.join(config["supervision"]["stop_grace_ms"] / 1000 + 2)
    say(agent, ports, "\n".join(lines.agent), "\n".join(lines.supervisor))


main()
