"""TieredResponder: instant, fast and deep answers, each for what it is good at."""
import re
import time
from collections import Counter

from pc2_code.utils.service import Declined, Refusal, Service, action, run

INSTANT = {"hello": "Hello!", "hi": "Hi!", "ping": "pong", "thanks": "You are welcome.", "bye": "Goodbye!"}
SUM = re.compile(r"^\D*(-?\d{1,12})\s*([-+*])\s*(-?\d{1,12})\D*$")


def summarise(text, sentences=2):
    """The sentences of a text whose words are the most frequent ones."""
    parts = [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]
    frequency = Counter(word for word in re.findall(r"[a-z]{4,}", text.lower()))

    def weight(part):
        words = re.findall(r"[a-z]{4,}", part.lower())
        return sum(frequency[word] for word in words) / (len(words) or 1)

    best = sorted(sorted(parts, key=weight, reverse=True)[:sentences], key=parts.index)
    return " ".join(best)


class TieredResponder(Service):
    """Finds the tier for a text and answers there; every request needs a token."""

    duty = "responses"

    def start(self):
        self.tiers = Counter()

    @action("respond")
    def respond_to(self, request):
        """Answer `text` for the bearer of `token`; the tier may be forced by `tier`."""
        began = time.monotonic()
        try:
            user = self.ask("AuthenticationAgent", "verify", token=request.text("token"))["user"]
        except Declined as declined:
            raise Refusal(str(declined), reason=declined.reply.get("reason")) from None
        text = request.text("text")
        tier = request.text("tier", self.tier_of(text))
        answers = {"instant": self.instant, "fast": self.fast, "deep": self.deep}
        if tier not in answers:
            raise Refusal("field 'tier' must be instant, fast or deep")
        answer = answers[tier](text)
        self.tiers[tier] += 1
        return {"user": user, "tier": tier, "answer": answer, "milliseconds": round(1000 * (time.monotonic() - began), 2)}

    @staticmethod
    def tier_of(text):
        """The cheapest tier that can answer."""
        if text.strip(" !.?").lower() in INSTANT:
            return "instant"
        return "fast" if SUM.match(text) else "deep"

    @staticmethod
    def instant(text):
        """A ready answer."""
        return INSTANT.get(text.strip(" !.?").lower(), "Yes?")

    @staticmethod
    def fast(text):
        """The result of a single sum."""
        found = SUM.match(text)
        if not found:
            raise Refusal("the fast tier only answers sums of two numbers")
        a, sign, b = int(found[1]), found[2], int(found[3])
        return str(a + b if sign == "+" else a - b if sign == "-" else a * b)

    def deep(self, text):
        """A summary, made within a reservation of ResourceManager."""
        held = self.ask_kindly("ResourceManager", "reserve", mb=64)
        try:
            return summarise(text)
        finally:
            if held:
                self.tell("ResourceManager", "release", reservation=held["reservation"])

    @action("statistics")
    def statistics(self, request):
        """How often each tier answered."""
        return {"tiers": dict(self.tiers)}


if __name__ == "__main__":
    run(TieredResponder)
