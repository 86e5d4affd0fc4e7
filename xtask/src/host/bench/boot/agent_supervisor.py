"""The plan's supervisor, as a fixture of `bench boot`: starts the agents of one container one after the other.

    agent_supervisor.py MOMENTS CONFIG

Each agent is started when the one before it answers a health check, those that others of the container depend on first.
Agents of other containers are not waited for: this supervisor cannot see them. When all answer, a file named as the group
appears in the folder MOMENTS; where an agent ends instead, the file says so.
"""
import os
import signal
import subprocess
import sys

import yaml
import zmq


def in_order(agents):
    """Dependencies first, as far as they are in this container and in no circle."""
    by_name = {agent["name"]: agent for agent in agents}
    ordered, seen = [], set()

    def visit(agent):
        if agent["name"] in seen:
            return
        seen.add(agent["name"])
        for dependency in agent.get("dependencies", []):
            if dependency in by_name:
                visit(by_name[dependency])
        ordered.append(agent)

    for agent in agents:
        visit(agent)
    return ordered


def command(config, agent):
    words = [config["python"], "-u", agent["script_path"], "--port", str(agent["port"])]
    words += ["--health_check_port", str(agent["health_check_port"]), "--name", agent["name"]]
    for key, value in sorted(agent.get("params", {}).items()):
        words += [f"--{key}", value]
    return words


def wait_until_it_answers(context, agent, process):
    asked = context.socket(zmq.REQ)
    asked.setsockopt(zmq.LINGER, 0)
    asked.setsockopt(zmq.RECONNECT_IVL, 10)
    asked.connect(f"tcp://localhost:{agent['health_check_port']}")
    asked.send_json({"action": "health_check"})
    while not asked.poll(1000):
        if process.poll() is not None:
            raise RuntimeError(f"{agent['name']} ended with code {process.returncode}")
    asked.recv_json()
    asked.close()


def tell(folder, group, text):
    path = os.path.join(folder, group)
    with open(path + ".part", "w") as file:
        file.write(text)
    os.rename(path + ".part", path)


def main():
    folder, path = sys.argv[1:]
    # The other signal of this kind has Python's own handler; as PID 1, nothing else would end this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open(path) as file:
        config = yaml.safe_load(file)
    environment = dict(os.environ, PYTHONPATH=":".join(config["python_path"]))
    context = zmq.Context()
    processes = []
    try:
        for agent in in_order(config["agents"]):
            process = subprocess.Popen(
                command(config, agent),
                cwd=config["working_directory"],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            processes.append(process)
            wait_until_it_answers(context, agent, process)
        tell(folder, config["group"], "")
        signal.pause()
    except RuntimeError as error:
        tell(folder, config["group"], str(error))
        signal.pause()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


main()
