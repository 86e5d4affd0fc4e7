"""Puts a service on a loopback port of a container and asks an agent until it has used it; prints what was asked and replied."""
import json, os, sys, threading, time, zmq

wanted = json.load(sys.stdin)
context, asked = zmq.Context(), []
service = context.socket(zmq.REP)
try:
    service.bind("tcp://127.0.0.1:%d" % wanted["service_port"])
except zmq.ZMQError as error:
    sys.exit("cannot listen on port %d: %s" % (wanted["service_port"], error))


def serve():
    while True:
        asked.append(b"".join(service.recv_multipart()).decode(errors="replace"))
        service.send(wanted["replies"].encode())


threading.Thread(target=serve, daemon=True).start()
until, reply = time.monotonic() + wanted["limit_ms"] / 1000, ""
while time.monotonic() < until:
    used = len(asked)
    agent = context.socket(zmq.REQ)
    agent.setsockopt(zmq.LINGER, 0)
    agent.connect("tcp://127.0.0.1:%d" % wanted["agent_port"])
    agent.send(wanted["send"].encode())
    if agent.poll(max(0, (until - time.monotonic()) * 1000)):
        reply = b"".join(agent.recv_multipart()).decode(errors="replace")
    agent.close()
    if len(asked) > used:
        break
    # Agents look for an absent service only now and then.
    time.sleep(0.2)
print(json.dumps({"asked": asked, "reply": reply}), flush=True)
# The service's thread still waits; there is nothing to put away.
os._exit(0)
