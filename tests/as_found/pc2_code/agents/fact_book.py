"""Facts. The port is the one that the dashboard knows."""
import zmq

FACTS = {"sky": "blue", "grass": "green"}


def serve(port=7799):
    context = zmq.Context()
    socket = context.socket(zmq.REP)
    socket.bind("tcp://*:%s" % port)
    print("FactBook on", port, flush=True)
    while True:
        request = socket.recv_json()
        if request.get("action") == "health_check":
            socket.send_json({"status": "ok", "facts": len(FACTS)})
        else:
            socket.send_json({"fact": FACTS.get(request.get("about"))})


if __name__ == "__main__":
    serve()
