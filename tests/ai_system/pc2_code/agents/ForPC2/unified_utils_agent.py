"""UnifiedUtilsAgent: small services that everybody needs."""
import hashlib
import re
import unicodedata

from pc2_code.utils.service import Refusal, Service, action, run

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def normalise(text):
    """A text in one spelling: without accents, case and superfluous spaces."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(plain.casefold().split())


class UnifiedUtilsAgent(Service):
    """Normalises, hashes, and reads durations; its failures go to UnifiedErrorAgent."""

    duty = "utilities"

    @action("normalise")
    def normalise(self, request):
        """`text` in one spelling."""
        return {"text": normalise(request.text("text"))}

    @action("slugify")
    def slugify(self, request):
        """`text` as a name for a file."""
        slug = re.sub(r"[^a-z0-9]+", "-", normalise(request.text("text"))).strip("-")
        return {"slug": slug or "untitled"}

    @action("digest")
    def digest(self, request):
        """The SHA-256 of `text`."""
        return {"sha256": hashlib.sha256(request.text("text").encode("utf-8", "replace")).hexdigest()}

    @action("duration")
    def duration(self, request):
        """Seconds of a `text` like 1h30m."""
        text = request.text("text").strip().lower()
        if not re.fullmatch(r"(\d+[smhd])+", text):
            self.tell("UnifiedErrorAgent", "report", agent=self.name, error=f"invalid duration {text[:40]!r}")
            raise Refusal(f"'{text}' is not a duration")
        return {"seconds": sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)([smhd])", text))}

    @action("failures")
    def failures(self, request):
        """What UnifiedErrorAgent knows about failures of this agent."""
        return {"reports": self.ask("UnifiedErrorAgent", "recent", agent=self.name)["reports"]}


if __name__ == "__main__":
    run(UnifiedUtilsAgent)
