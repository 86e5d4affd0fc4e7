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


# Times a second that the kernel counts what processes take.
TICKS = os.sysconf("SC_CLK_TCK")
# How long nothing must happen until it is known that nothing will: to an agent that listens, and to one that does not.
QUIET_LISTENING, QUIET = 4.0, 12.0
# Share of a core that an agent takes that only waits.
IDLE = 0.02


def fetch(port, version):
    """The status document and its version, as soon as there is a newer one than that, or a part of the time is over."""
    hold = max(1, int(min(1.0, END - time.monotonic()) * 1000))
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


def work(root):
    """What the processes that descend from one have taken, in seconds; nothing where one of them wants to run just now."""
    parents, taken = {}, {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(name)], taken[int(name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    total = 0
    for pid, ticks in taken.items():
        at, steps = pid, 0
        while at not in (root, 0, 1) and steps < 64:
            at, steps = parents.get(at, 0), steps + 1
        if at != root:
            continue
        total += ticks
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8", errors="replace") as file:
                    if file.read().rpartition(")")[2].split()[0] in "RD":
                        return None
        except OSError:
            continue
    return total / TICKS


class Quiet:
    """Whether nothing happens to an agent any more."""

    def __init__(self):
        self.forget()

    def forget(self):
        self.seen, self.since, self.work = None, time.monotonic(), 0.0

    def look(self, agent, ports):
        """Whether it only waits, and since when long enough."""
        now, done = time.monotonic(), work(agent["pid"]) if agent["pid"] else None
        seen = (agent["pid"], agent["state"], tuple(ports))
        if done is None or seen != self.seen or done - self.work > IDLE * max(1.0, now - self.since):
            self.seen, self.since, self.work = seen, now, done or 0.0
            return False
        return now - self.since >= (QUIET_LISTENING if ports else QUIET)


def follow(port):
    """The agent's part of the last status document, when its fate is known or the time is over; and whether it only waits then."""
    agent, version, quiet = None, None, Quiet()
    while time.monotonic() < END:
        try:
            document, version = fetch(port, version)
        except (OSError, ValueError):
            break
        agent = document["agents"][0]
        if agent["state"] in KNOWN:
            break
        # It runs, and does not answer: what it does shows whether it still may.
        if agent["state"] == "starting" and not TASK["held"] and quiet.look(agent, listening(port)):
            return agent, True
    return agent, False


def explore(ports):
    """What these ports do, as the supervisor's program finds by asking."""
    if not ports:
        return []
    try:
        done = subprocess.run(
            [TASK["supervisor"], "explore", *map(str, ports[:16])],
            env={},
            preexec_fn=become,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
        return json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []


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


def say(agent, log, supervisor, **more):
    """The one document, and the end."""
    document = {"agent": agent, "listening": [], "idle": False, "explored": [], "log": log, "supervisor": supervisor}
    print(json.dumps({**document, **more}), flush=True)
    os._exit(0)


def main():
    # The kernel keeps every signal from a first process that does not handle it.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    for path, identity in TASK["mounts"].items():
        there = os.stat(path)
        if [there.st_dev, there.st_ino] != identity:
            say(None, "", f"{path} is not the folder of the tree that it was: nothing was started")
    for path in TASK["writable"]:
        os.chmod(path, 0o1777)
    for path, target in TASK["links"].items():
        os.symlink(target, path)
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
    agent, idle = follow(config["status_port"])
    if supervisor.poll() is not None and agent is not None and agent["state"] in ("healthy", "mute"):
        # Somebody else has answered.
        agent = None
    ports = listening(config["status_port"])
    runs = agent is not None and agent["state"] in ("starting", "mute")
    explored = explore(ports) if runs else []
    if agent is None or agent["state"] != "healthy":
        # Whoever stops says the rest first.
        supervisor.terminate()
        lines.reader.join(config["supervision"]["stop_grace_ms"] / 1000 + 2)
    said = "\n".join(lines.agent), "\n".join(lines.supervisor)
    say(agent, *said, listening=ports, idle=idle, explored=explored)


main()
