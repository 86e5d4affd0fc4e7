"""Sends each request of a list to its port, all at once, from inside a container; prints the replies as JSON."""
import json, os, sys, time, zmq

asked = json.load(sys.stdin)
context, poller, waiting = zmq.Context(), zmq.Poller(), {}
seen = [{"error": "no answer within %.1f s" % (asked["limit_ms"] / 1000)} for _ in asked["ways"]]
for index, way in enumerate(asked["ways"]):
    host = os.path.expandvars(way["host"])
    if "$" in host:
        seen[index] = {"error": "the container has no variable " + way["host"]}
        continue
    sock = context.socket(zmq.REQ)
    sock.setsockopt(zmq.LINGER, 0)
    sock.connect("tcp://%s:%d" % (host, way["port"]))
    sock.send(way["send"].encode())
    poller.register(sock, zmq.POLLIN)
    waiting[sock] = index
until = time.monotonic() + asked["limit_ms"] / 1000
while waiting and time.monotonic() < until:
    for sock, _ in poller.poll(max(0, (until - time.monotonic()) * 1000)):
        seen[waiting.pop(sock)] = {"reply": b"".join(sock.recv_multipart()).decode(errors="replace")}
        poller.unregister(sock)
print(json.dumps(seen))
