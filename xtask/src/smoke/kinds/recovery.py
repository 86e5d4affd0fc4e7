"""Runs a supervisor in a container of its own, breaks one of its agents, and prints the status documents that follow."""
import json, os, signal, subprocess, sys, time, urllib.request

asked = json.load(sys.stdin)
with open("/tmp/probe.yaml", "w") as file:
    json.dump(asked["config"], file)
with open(asked["crashing_script"], "w") as file:
    file.write("import sys\nsys.exit(%r)\n" % asked["crash_words"])
log = open("/tmp/supervisor.log", "w+")
supervisor = subprocess.Popen(
    ["/usr/local/bin/agent-supervisor", "--config", "/tmp/probe.yaml"], stdout=log, stderr=subprocess.STDOUT
)
until = time.monotonic() + asked["limit_ms"] / 1000
url, version, history = "http://127.0.0.1:%d/status" % asked["config"]["status_port"], None, []


def document():
    """The next document, or None while there is none."""
    global version
    try:
        query = "?wait_change=%s&timeout_ms=1000" % version if version else ""
        with urllib.request.urlopen(url + query, timeout=3) as reply:
            version = reply.headers["X-Status-Version"]
            return json.load(reply)
    except OSError:
        time.sleep(0.02)
        return None


def fail(why):
    log.seek(0)
    said = [line for line in log.read().splitlines() if line.startswith("[supervisor]")]
    supervisor.kill()
    sys.exit("%s; its supervisor said: %s" % (why, " | ".join(said[-3:])))


def wait(done):
    while time.monotonic() < until and supervisor.poll() is None:
        status = document()
        if status is not None:
            if broken:
                history.append(status)
            if done(status):
                return status
    if supervisor.poll() is not None:
        fail("the supervisor ended with %s" % supervisor.returncode)
    return None


def agent(status):
    return next(agent for agent in status["agents"] if agent["name"] == asked["agent"])


broken = asked["fault"] == "crash_loop"
if not broken:
    before = wait(lambda status: all(one["state"] in ("healthy", "failed") for one in status["agents"]))
    if before is None or any(one["state"] == "failed" for one in before["agents"]):
        fail("not healthy in a container of its own within %.0f s" % (asked["limit_ms"] / 1000))
    history.append(before)
    broken = True
    os.kill(agent(before)["pid"], signal.SIGKILL if asked["fault"] == "kill" else signal.SIGSTOP)
wait(lambda status: agent(status)["state"] == "failed" or agent(status)["restarts"] > 0 and agent(status)["state"] == "healthy")
supervisor.terminate()
supervisor.wait()
print(json.dumps(history))
