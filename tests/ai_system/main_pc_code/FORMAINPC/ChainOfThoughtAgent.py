"""ChainOfThoughtAgent: answers small questions one step after the other."""
from main_pc_code.FORMAINPC.arithmetic import ArithmeticProblem, evaluate, find_expression, find_story, show
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require

FILLERS = {"a", "an", "and", "are", "do", "does", "how", "is", "it", "of", "or", "the", "to", "what", "which", "who", "why"}


class ChainOfThoughtAgent(BaseAgent):
    """Solves arithmetic, also in words, and shows each step."""

    role = "reasoning"

    def step(self, text):
        """One step of a chain, signed by this agent."""
        return {"agent": self.name, "text": text}

    def do_reason(self, request):
        """Answer `question`; the reply has `steps`, `answer` and `confident`."""
        question = require(request, "question")
        expression = find_expression(question) or find_story(question)
        if expression is None:
            return self.take_apart(question)
        try:
            value, operations = evaluate(expression)
        except ArithmeticProblem as problem:
            raise RequestError(str(problem)) from None
        steps = [self.step(f"read the question as {expression}")]
        steps += [self.step(operation) for operation in operations]
        steps.append(self.step(f"so the answer is {show(value)}"))
        return {"steps": steps, "answer": show(value), "confident": True}

    def take_apart(self, question):
        """What can be said about a question without numbers: its key words."""
        words = [word.strip(".,;:!?") for word in question.lower().split()]
        keys = [word for word in words if word and word not in FILLERS]
        topic = ", ".join(keys[:5]) or "nothing in particular"
        steps = [
            self.step("found no arithmetic in the question"),
            self.step(f"the question is about: {topic}"),
        ]
        return {"steps": steps, "answer": f"I can only say that this is about {topic}.", "confident": False}


if __name__ == "__main__":
    ChainOfThoughtAgent.main()
