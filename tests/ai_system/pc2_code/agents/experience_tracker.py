"""ExperienceTracker: what was tried in which situation, and how well it went."""
from pc2_code.utils.database import open_database
from pc2_code.utils.service import Refusal, Service, action, run

TABLE = """
CREATE TABLE IF NOT EXISTS experiences (
    situation TEXT NOT NULL, deed TEXT NOT NULL, tries INTEGER NOT NULL, total REAL NOT NULL,
    PRIMARY KEY (situation, deed)
)
"""


class ExperienceTracker(Service):
    """Sums up rewards and advises what to do."""

    duty = "memory"

    def start(self):
        self.db = open_database(self.own_data(), "experiences.db", TABLE)

    @action("track")
    def track(self, request):
        """In a `situation` the `deed` brought a `reward`; a remarkable one becomes an episode."""
        situation, deed, reward = request.text("situation"), request.text("deed"), request.number("reward")
        self.db.execute(
            "INSERT INTO experiences VALUES (?, ?, 1, ?) "
            "ON CONFLICT (situation, deed) DO UPDATE SET tries = tries + 1, total = total + excluded.total",
            (situation, deed, reward),
        )
        episode = None
        if abs(reward) >= 1:
            recorded = self.ask_kindly(
                "EpisodicMemoryAgent", "record", title=f"{deed} in {situation}", details={"reward": reward}, context=situation
            )
            episode = recorded["episode"] if recorded else None
        return {"situation": situation, "episode": episode}

    @action("advise")
    def advise(self, request):
        """The deed with the best mean reward in a `situation`."""
        rows = self.db.execute(
            "SELECT deed, tries, total / tries AS mean FROM experiences WHERE situation = ? ORDER BY mean DESC",
            (request.text("situation"),),
        ).fetchall()
        if not rows:
            raise Refusal("there is no experience with this situation")
        return {"deed": rows[0]["deed"], "mean": round(rows[0]["mean"], 4), "known": len(rows)}


if __name__ == "__main__":
    run(ExperienceTracker)
