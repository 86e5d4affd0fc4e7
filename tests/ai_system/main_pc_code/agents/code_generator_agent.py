"""CodeGenerator: writes small Python functions from templates."""
import ast
import re

from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require

TEMPLATES = (
    (r"\b(sum|add|total)\b", "total", "def total(numbers):\n    return sum(numbers)\n"),
    (r"\b(average|mean)\b", "average", "def average(numbers):\n    return sum(numbers) / len(numbers)\n"),
    (r"\b(reverse|backwards)\b", "backwards", "def backwards(text):\n    return text[::-1]\n"),
    (r"\b(sort|order)\b", "in_order", "def in_order(items):\n    return sorted(items)\n"),
    (
        r"\bfactorial\b",
        "factorial",
        "def factorial(n):\n    result = 1\n    for i in range(2, n + 1):\n        result *= i\n    return result\n",
    ),
    (
        r"\bfibonacci\b",
        "fibonacci",
        "def fibonacci(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n",
    ),
)


class CodeGenerator(BaseAgent):
    """Finds the template that a task asks for, and checks that it parses."""

    role = "code"

    def do_generate(self, request):
        """Code for `task`, with the name of its function."""
        task = require(request, "task")
        template = next((template for template in TEMPLATES if re.search(template[0], task, re.I)), None)
        if template is None:
            raise RequestError("no template fits this task")
        _, function, code = template
        ast.parse(code)
        model = self.try_peer("ModelManagerAgent", {"action": "acquire", "model": "code-small"})
        return {"function": function, "code": code, "model_ready": model is not None}

    def do_check(self, request):
        """Whether `code` parses, and which functions it defines."""
        try:
            tree = ast.parse(require(request, "code"))
        except (SyntaxError, ValueError) as error:
            return {"valid": False, "problem": str(error), "functions": []}
        return {"valid": True, "functions": [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]}


if __name__ == "__main__":
    CodeGenerator.main()
