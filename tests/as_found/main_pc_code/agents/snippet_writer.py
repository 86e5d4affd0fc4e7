import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
import ast
import textwrap
from common.base_agent import BaseAgent
from common.pool import ask

SHAPES = {"loop": "for item in {what}:\n    print(item)", "print": "print({what})"}


class SnippetWriter(BaseAgent):
    def __init__(self):
        super().__init__(name="SnippetWriter")

    def handle(self, request):
        code = textwrap.dedent(SHAPES[request["shape"]].format(what=request["what"]))
        ast.parse(code)
        ran = ask(7280, {"code": code}) if request.get("run") else None
        return {"code": code, "ran": ran}


if __name__ == "__main__":
    SnippetWriter().run()
