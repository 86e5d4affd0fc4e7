"""FeedbackHandler: collects what users think of the answers."""
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require


class FeedbackHandler(BaseAgent):
    """Keeps ratings per topic; a remark without a rating is rated by its intent."""

    role = "language"

    def setup(self):
        self.ratings = {}

    def do_feedback(self, request):
        """Take a `rating` of 1 to 5 for a `topic`, or a `text` to find the rating from."""
        topic = require(request, "topic")
        rating = request.get("rating")
        if rating is None:
            intent = self.request_peer("NLUAgent", {"action": "parse", "text": require(request, "text")})["intent"]
            rating = {"praise": 5, "thank": 4, "complain": 1}.get(intent, 3)
        if not isinstance(rating, int) or not 1 <= rating <= 5:
            raise RequestError("field 'rating' must be a whole number from 1 to 5")
        self.ratings.setdefault(topic, []).append(rating)
        return {"topic": topic, "rating": rating}

    def do_summary(self, request):
        """Mean rating and number of ratings of each topic."""
        return {"topics": {topic: {"mean": sum(all_) / len(all_), "count": len(all_)} for topic, all_ in self.ratings.items()}}


if __name__ == "__main__":
    FeedbackHandler.main()
