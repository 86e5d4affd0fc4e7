"""ConsolidatedTranslator: one door to all translation engines, tried in order."""
import socket
import time

from main_pc_code.agents.needtoverify.fixed_streaming_translation import FixedStreamingTranslation, UnknownPair
from main_pc_code.src.core.base_agent import BaseAgent, PeerError, RequestError, require

PHI = "PhiTranslationService"
FIXED = "fixed_streaming_translation"


class EngineAbsent(Exception):
    """An engine cannot be used now; the text says why."""


class ConsolidatedTranslator(BaseAgent):
    """Translates with PhiTranslationService when it is there, with the built-in engine otherwise."""

    role = "translation"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--phi_port", type=int, default=5584, help="port of PhiTranslationService on this host")
        parser.add_argument("--phi_timeout", type=float, default=1.0, help="seconds to wait for PhiTranslationService")
        parser.add_argument("--phi_retry_seconds", type=float, default=5.0, help="pause before an absent service is tried again")

    def setup(self):
        self.engines = ((PHI, self.ask_phi), (FIXED, self.ask_fixed))
        self.fixed = FixedStreamingTranslation()
        self.phi_absent_until = 0.0
        self.phi_reason = ""
        self.used = {PHI: 0, FIXED: 0}

    def ask_phi(self, text, source, target):
        """PhiTranslationService, unless it was found absent a moment ago."""
        if time.monotonic() < self.phi_absent_until:
            raise EngineAbsent(f"{self.phi_reason} (not tried again yet)")
        request = {"action": "translate", "text": text, "source": source, "target": target}
        try:
            with socket.create_connection(("localhost", self.options.phi_port), timeout=self.options.phi_timeout):
                pass
            reply = self.request_port(self.options.phi_port, request, self.options.phi_timeout, PHI)
            if not isinstance(reply.get("translation"), str):
                raise PeerError(f"{PHI} answered without a translation")
        except (OSError, PeerError) as error:
            refused = isinstance(error, ConnectionRefusedError)
            self.phi_reason = f"connection refused on port {self.options.phi_port}" if refused else str(error)
            self.phi_absent_until = time.monotonic() + self.options.phi_retry_seconds
            raise EngineAbsent(self.phi_reason) from None
        return {"translation": reply["translation"]}

    def ask_fixed(self, text, source, target):
        """The built-in engine; NLLBAdapter helps with the words it does not know."""
        try:
            result = self.fixed.translate(text, source, target)
        except UnknownPair as error:
            raise EngineAbsent(str(error)) from None
        reply = {"translation": result.text, "unknown_words": result.unknown}
        if result.unknown:
            helped = self.try_peer(
                "NLLBAdapter",
                {"action": "nearest", "words": result.unknown, "source": source, "target": target},
                timeout=1.0,
            )
            reply["hints"] = helped["hints"] if helped else {}
        return reply

    def do_translate(self, request):
        """Translate `text` from `source` to `target`; says which engine did it and why others did not."""
        text = require(request, "text")
        source, target = request.get("source", "en"), request.get("target", "tl")
        tried = []
        for engine, ask in self.engines:
            try:
                reply = ask(text, source, target)
            except EngineAbsent as reason:
                tried.append({"engine": engine, "reason": str(reason)})
                continue
            self.used[engine] += 1
            self.notify_peer(
                "MemoryOrchestrator",
                {
                    "action": "store",
                    "key": f"translation:{source}-{target}:{text[:200]}",
                    "value": reply["translation"],
                    "tags": ["translation", engine],
                },
            )
            return {**reply, "engine": engine, "tried": tried, "source": source, "target": target}
        raise RequestError("no engine could translate: " + "; ".join(f"{t['engine']}: {t['reason']}" for t in tried))

    def do_engines(self, request):
        """The engines in order, how often each was used, and the models that are loaded."""
        models = self.try_peer("ModelManagerAgent", {"action": "list_models"})
        return {
            "engines": [engine for engine, _ in self.engines],
            "used": self.used,
            "loaded_models": models["loaded"] if models else None,
        }


if __name__ == "__main__":
    ConsolidatedTranslator.main()
