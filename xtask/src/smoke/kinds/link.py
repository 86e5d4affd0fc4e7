"""Sends each request of a list to its port, all at once, from inside a container; prints the replies as JSON."""
import json, os, socket, sys, threading, time


asked = json.load(sys.stdin)
seen = [{"error": "no answer within %.1f s" % (asked["limit_ms"] / 1000)} for _ in asked["ways"]]
until = time.monotonic() + asked["limit_ms"] / 1000


def plain(index, host, way):
    """A connection, and what comes back over it."""
    try:
        with socket.create_connection((host, way["port"]), max(0.1, until - time.monotonic())) as stream:
            reply = b""
            if way["send"]:
                stream.sendall(way["send"].encode())
                while len(reply) < 65536:
                    piece = stream.recv(4096)
                    if not piece:
                        break
                    reply += piece
            seen[index] = {"reply": reply.decode(errors="replace")}
    except OSError as error:
        seen[index] = {"error": str(error)}


waiting, threads = {}, []
if any(way["kind"] == "zmq" for way in asked["ways"]):
    import zmq

    context, poller = zmq.Context(), zmq.Poller()
for index, way in enumerate(asked["ways"]):
    host = os.path.expandvars(way["host"])
    if "$" in host:
        seen[index] = {"error": "the container has no variable " + way["host"]}
        continue
    if way["kind"] != "zmq":
        threads.append(threading.Thread(target=plain, args=(index, host, way), daemon=True))
        threads[-1].start()
        continue
    sock = context.socket(zmq.REQ)
    sock.setsockopt(zmq.LINGER, 0)
    sock.connect("tcp://%s:%d" % (host, way["port"]))
    sock.send(way["send"].encode())
    poller.register(sock, zmq.POLLIN)
    waiting[sock] = index
while waiting and time.monotonic() < until:
    for sock, _ in poller.poll(max(0, (until - time.monotonic()) * 1000)):
        seen[waiting.pop(sock)] = {"reply": b"".join(sock.recv_multipart()).decode(errors="replace")}
        poller.unregister(sock)
for thread in threads:
    thread.join(max(0, until - time.monotonic()))
print(json.dumps(seen))
