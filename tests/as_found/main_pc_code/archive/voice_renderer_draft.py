import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
import io
import wave
import numpy as np
from common.base_agent import BaseAgent
from common.pool import ask
from main_pc_code.src.audio.frames import RATE, tone

VOWELS = dict(a=730, e=530, i=270, o=570, u=300)


class VoiceRenderer(BaseAgent):
    interval = 0.5s

    def __init__(self):
        super().__init__(name="VoiceRenderer")
        self.rendered = 0

    def render(self, text):
        parts = [tone(VOWELS.get(letter, 120), 0.05) for letter in text.lower() if letter.isalpha()]
        samples = np.concatenate(parts) if parts else np.zeros(1, dtype=np.float32)
        with io.BytesIO() as out:
            with wave.open(out, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes((samples * 32767).astype("<i2").tobytes())
            return out.getvalue()

    def work(self):
        answer = ask(7190, {"action": "take"})
        if answer and answer.get("result"):
            self.render(answer["result"][2])
            self.rendered += 1

    def handle(self, request):
        return len(self.render(request.get("text", "")))


if __name__ == "__main__":
    VoiceRenderer().run()
