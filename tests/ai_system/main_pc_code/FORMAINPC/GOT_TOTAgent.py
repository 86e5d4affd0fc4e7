"""GoTToTAgent: graph/tree of thought, a search over branching possibilities."""
import re
from collections import deque
from fractions import Fraction
from itertools import combinations

from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require

MAX_NUMBERS = 5


class GoTToTAgent(BaseAgent):
    """Solves jug puzzles, number games and choices by searching a tree."""

    role = "reasoning"

    def step(self, text):
        """One step of a path, signed by this agent."""
        return {"agent": self.name, "text": text}

    def do_explore(self, request):
        """Search for an answer to `question`; the reply has `steps`, `answer` and `visited`."""
        question = require(request, "question")
        numbers = [int(number) for number in re.findall(r"\d+", question)]
        if len(numbers) >= 3 and "jug" in question.lower():
            return self.jugs(numbers[0], numbers[1:3])
        if len(numbers) >= 3:
            return self.number_game(numbers[0], numbers[1:])
        return self.weigh_branches(question)

    def jugs(self, goal, sizes):
        """Measure `goal` litres with two jugs: breadth first over their states."""
        if max(sizes) > 1000:
            raise RequestError("jugs hold at most 1000 litres")
        start = (0, 0)
        came_from = {start: None}
        waiting = deque([start])
        while waiting:
            state = waiting.popleft()
            if goal in state:
                break
            for following, text in self.pours(state, sizes):
                if following not in came_from:
                    came_from[following] = (state, text)
                    waiting.append(following)
        else:
            raise RequestError(f"{goal} cannot be measured with jugs of {sizes[0]} and {sizes[1]}")
        path = []
        while came_from[state]:
            previous, text = came_from[state]
            path.append(self.step(f"{text}: {state[0]} and {state[1]}"))
            state = previous
        steps = [self.step("start with two empty jugs"), *reversed(path)]
        return {"steps": steps, "answer": f"{goal} after {len(path)} moves", "visited": len(came_from)}

    @staticmethod
    def pours(state, sizes):
        """All states one move away."""
        a, b = state
        first, second = min(a, sizes[1] - b), min(b, sizes[0] - a)
        return [
            ((sizes[0], b), "fill the first"),
            ((a, sizes[1]), "fill the second"),
            ((0, b), "empty the first"),
            ((a, 0), "empty the second"),
            ((a - first, b + first), "pour the first into the second"),
            ((a + second, b - second), "pour the second into the first"),
        ]

    def number_game(self, goal, numbers):
        """Reach `goal` with all the numbers, each used once (the game of 24)."""
        if len(numbers) > MAX_NUMBERS:
            raise RequestError(f"at most {MAX_NUMBERS} numbers, please")
        self.visited = 0
        path = self.combine(goal, [Fraction(number) for number in numbers])
        if path is None:
            raise RequestError(f"{goal} cannot be made of {numbers} ({self.visited} branches tried)")
        steps = [self.step(f"make {goal} of {', '.join(map(str, numbers))}")]
        steps += [self.step(text) for text in path]
        return {"steps": steps, "answer": "; ".join(path), "visited": self.visited}

    def combine(self, goal, numbers):
        """Depth first: join any two numbers, go on with the rest."""
        self.visited += 1
        if len(numbers) == 1:
            return [] if numbers[0] == goal else None
        for i, j in combinations(range(len(numbers)), 2):
            a, b = numbers[i], numbers[j]
            rest = [number for k, number in enumerate(numbers) if k not in (i, j)]
            branches = [(a + b, f"{a} + {b}"), (a * b, f"{a} * {b}"), (a - b, f"{a} - {b}"), (b - a, f"{b} - {a}")]
            branches += [(a / b, f"{a} / {b}")] if b else []
            branches += [(b / a, f"{b} / {a}")] if a else []
            for value, text in branches:
                path = self.combine(goal, [*rest, value])
                if path is not None:
                    return [f"{text} = {value}", *path]
        return None

    def weigh_branches(self, question):
        """Without numbers: split the question into branches and choose the most telling."""
        branches = [part.strip() for part in re.split(r"[,;.?!]|\bor\b|\band\b", question) if part.strip()]
        if not branches:
            raise RequestError("the question is empty")
        weights = {branch: len({word for word in branch.lower().split() if len(word) > 3}) for branch in branches}
        best = max(weights, key=weights.get)
        steps = [self.step(f"branch '{branch}' weighs {weight}") for branch, weight in weights.items()]
        steps.append(self.step(f"follow '{best}'"))
        return {"steps": steps, "answer": best, "visited": len(weights)}


if __name__ == "__main__":
    GoTToTAgent.main()
