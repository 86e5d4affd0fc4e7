import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from pc2_code.utils.pc2_agent import Pc2Agent


class AsyncQueue(Pc2Agent):
    def __init__(self):
        super().__init__(name="AsyncQueue")
        self.loop = asyncio.new_event_loop()
        self.pool = ThreadPoolExecutor(max_workers=2)
        self.done = 0
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def task(self, seconds):
        await asyncio.sleep(seconds)
        self.done += 1

    def handle(self, request):
        asyncio.run_coroutine_threadsafe(self.task(request.get("seconds", 0)), self.loop)
        return self.done


if __name__ == "__main__":
    AsyncQueue().run()
