"""KnowledgeBase: facts as subject, relation, object, kept by way of MemoryManager."""
from main_pc_code.src.core.base_agent import BaseAgent, require


class KnowledgeBase(BaseAgent):
    """Learns facts and answers what is known about a subject."""

    role = "memory"

    def do_add_fact(self, request):
        """Keep one fact."""
        subject, relation, value = (require(request, field) for field in ("subject", "relation", "object"))
        self.request_peer(
            "MemoryManager",
            {
                "action": "remember",
                "key": f"fact:{subject}:{relation}",
                "value": {"subject": subject, "relation": relation, "object": value},
                "tags": ["fact"],
                "importance": "high",
            },
            timeout=8.0,
        )
        return {"fact": f"{subject} {relation} {value}"}

    def do_facts(self, request):
        """All facts about `subject`."""
        subject = require(request, "subject")
        reply = self.request_peer("MemoryManager", {"action": "recall", "text": f"fact:{subject}:"}, timeout=8.0)
        prefix = f"fact:{subject}:"
        return {"facts": [memory["value"] for memory in reply["memories"] if memory["key"].startswith(prefix)]}

    def do_related(self, request):
        """What is reached from `subject` in two hops."""
        subject = require(request, "subject")
        paths = []
        for first in self.do_facts({"subject": subject})["facts"]:
            for second in self.do_facts({"subject": first["object"]})["facts"]:
                paths.append([subject, first["relation"], first["object"], second["relation"], second["object"]])
        return {"paths": paths}


if __name__ == "__main__":
    KnowledgeBase.main()
