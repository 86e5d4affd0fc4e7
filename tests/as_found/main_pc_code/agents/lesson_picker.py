import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
import asyncio
import zmq
import zmq.asyncio
from common.base_agent import parse_agent_args

PORT = parse_agent_args().port or 7254


async def answer(socket, handler):
    while True:
        request = await socket.recv_json()
        await socket.send_json(handler(request))


async def main():
    """Not a BaseAgent: the first one that was written with asyncio."""
    context = zmq.asyncio.Context()
    work, health = context.socket(zmq.REP), context.socket(zmq.REP)
    work.bind(f"tcp://*:{PORT}")
    health.bind(f"tcp://*:{PORT + 1}")
    picked = []

    def pick(request):
        lessons = request.get("lessons") or []
        picked.extend(lessons[:1])
        return {"status": "ok", "result": lessons[:1]}

    await asyncio.gather(
        answer(work, pick),
        answer(health, lambda _: {"status": "ok", "picked": len(picked)}),
    )


if __name__ == "__main__":
    asyncio.run(main())
