#!/usr/bin/env python3
"""Measures warm starts against plain ones: one supervisor, agents that import what agents of the reference tree import.

    docker/supervisor/tests/warm_start.py SUPERVISOR PYTHON [AGENTS]

SUPERVISOR is the binary `agent-supervisor`, PYTHON an interpreter with pyzmq. Ports from 31000 must be free.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

FIRST_PORT = 31000
MODULES = ["argparse", "json", "logging", "queue", "signal", "threading", "zmq"]
BASE = f"""
import {", ".join(MODULES)}

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--health_check_port", type=int)
    parser.add_argument("--name")
    options = parser.parse_args()
    logging.basicConfig(level="INFO")
    health = zmq.Context().socket(zmq.REP)
    health.bind(f"tcp://127.0.0.1:{{options.health_check_port}}")
    while True:
        health.recv_json()
        health.send_json({{"status": "ok"}})
"""


def config(folder, python, start, agents):
    return {
        "status_port": FIRST_PORT,
        "working_directory": folder,
        "python": python,
        "log_directory": folder,
        "start": start,
        "preload": MODULES,
        "agents": [
            {
                "name": f"Agent{number}",
                "script_path": "agent.py",
                "port": FIRST_PORT + 1 + 2 * number,
                "health_check_port": FIRST_PORT + 2 + 2 * number,
            }
            for number in range(agents)
        ],
    }


def cpu_seconds(pid):
    """CPU time of a process and of those that it reaped."""
    with open(f"/proc/{pid}/stat") as stat:
        words = stat.read().rpartition(")")[2].split()
    return sum(int(word) for word in words[11:15]) / os.sysconf("SC_CLK_TCK")


def proportional_megabytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024


def measure(supervisor, python, start, agents):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in ("base.py", BASE), ("agent.py", "import base\nbase.main()\n"):
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)
        group = os.path.join(folder, "group.yaml")
        with open(group, "w") as file:
            json.dump(config(folder, python, start, agents), file)
        began = time.time()
        process = subprocess.Popen([supervisor, "--config", group], stdout=subprocess.DEVNULL)
        try:
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{FIRST_PORT}/status") as reply:
                        states = json.load(reply)["agents"]
                except OSError:
                    if process.poll() is not None:
                        sys.exit("the supervisor ended")
                    continue
                if all(agent["state"] in ("answering", "healthy") and agent["start"] == start for agent in states):
                    break
                time.sleep(0.02)
            took = max(agent["ready_at_ms"] for agent in states) / 1000 - began
            # Keepers, the warm interpreter, and the agents below the keepers.
            pids, waiting = [], [process.pid]
            while waiting:
                pid = waiting.pop()
                with open(f"/proc/{pid}/task/{pid}/children") as children:
                    below = [int(word) for word in children.read().split()]
                pids += below
                waiting += below
            cpu = sum(map(cpu_seconds, pids))
            memory = sum(map(proportional_megabytes, pids))
        finally:
            process.terminate()
            process.wait()
    print(f"{start:5}  {took:6.2f} s  CPU {cpu:5.2f} s  {memory:4.0f} MB proportional")


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    agents = int(sys.argv[3]) if len(sys.argv) == 4 else 89
    for start in ("plain", "warm") * 3:
        measure(sys.argv[1], sys.argv[2], start, agents)


main()
