import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
from common.base_agent import BaseAgent
from main_pc_code.utils.sandbox import LIMITS, run_in_sandbox


class CodeRunner(BaseAgent):
    def handle(self, request):
        return run_in_sandbox(request["code"], LIMITS)


if __name__ == "__main__":
    CodeRunner(name="CodeRunner").run()
