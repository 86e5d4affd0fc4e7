"""StreamingSpeechRecognition: turns sound into text."""
from collections import deque

from main_pc_code.src.audio.tone_code import decode
from main_pc_code.src.core.base_agent import BaseAgent, require


class StreamingSpeechRecognition(BaseAgent):
    """Decodes what the preprocessor gives, and keeps the latest transcripts."""

    role = "audio"

    def setup(self):
        self.transcripts = deque(maxlen=50)
        self.model_ready = False

    def do_transcribe(self, request):
        """The text of the sound that is heard when `spell` is said."""
        if not self.model_ready:
            self.model_ready = self.try_peer("ModelManagerAgent", {"action": "acquire", "model": "whisper-small"}) is not None
        sound = self.request_peer(
            "FusedAudioPreprocessor", {"action": "listen", "spell": require(request, "spell")}, timeout=3.0
        )
        text = decode(sound["samples"]) if sound["voice"] else ""
        if text:
            self.transcripts.append(text)
        return {"text": text, "voice": sound["voice"], "model_ready": self.model_ready}

    def do_last(self, request):
        """The latest transcript, empty when there is none yet."""
        return {"text": self.transcripts[-1] if self.transcripts else ""}


if __name__ == "__main__":
    StreamingSpeechRecognition.main()
