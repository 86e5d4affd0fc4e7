"""MetaCognitionAgent: thinks about how sure the system can be of its answers."""
from main_pc_code.src.core.base_agent import BaseAgent, require


class MetaCognitionAgent(BaseAgent):
    """Gets an answer in two ways and from memory, and compares."""

    role = "learning"

    def do_reflect(self, request):
        """Ask ChainOfThoughtAgent directly and by way of CoordinatorAgent; a `subject` is looked up in KnowledgeBase."""
        question = require(request, "question")
        direct = self.request_peer("ChainOfThoughtAgent", {"action": "reason", "question": question})
        routed = self.try_peer("CoordinatorAgent", {"action": "task", "kind": "reason", "question": question}, timeout=10.0)
        subject = request.get("subject")
        facts = []
        if isinstance(subject, str):
            known = self.try_peer("KnowledgeBase", {"action": "facts", "subject": subject}, timeout=3.0)
            facts = known["facts"] if known else []
        confidence = 0.5 if direct["confident"] else 0.1
        if routed is not None and routed["answer"] == direct["answer"]:
            confidence += 0.3
        confidence += min(0.2, 0.1 * len(facts))
        return {
            "answer": direct["answer"],
            "confidence": round(confidence, 2),
            "agreed": None if routed is None else routed["answer"] == direct["answer"],
            "facts": facts,
        }


if __name__ == "__main__":
    MetaCognitionAgent.main()
