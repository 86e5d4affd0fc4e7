"""Executor: runs what CodeGenerator writes, in a process of its own with limits."""
import json
import resource
import subprocess
import sys

from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require

RUNNER = "import json, sys\njob = json.load(sys.stdin)\nscope = {}\nexec(job['code'], scope)\nprint(json.dumps(scope[job['function']](*job['arguments'])))\n"
CPU_SECONDS = 2
MEMORY_BYTES = 256 * 2**20


def limit():
    """Limits of the child process."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


class Executor(BaseAgent):
    """Only runs code that comes from CodeGenerator, never code of a request."""

    role = "code"

    def do_run(self, request):
        """Have CodeGenerator write code for `task` and run it with `arguments`."""
        task, arguments = require(request, "task"), require(request, "arguments", list)
        written = self.request_peer("CodeGenerator", {"action": "generate", "task": task})
        job = json.dumps({"code": written["code"], "function": written["function"], "arguments": arguments})
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", RUNNER],
                input=job, capture_output=True, text=True, timeout=2 * CPU_SECONDS, env={}, preexec_fn=limit,
            )
        except subprocess.TimeoutExpired:
            raise RequestError("the code took too long") from None
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            raise RequestError(f"the code failed: {lines[-1] if lines else done.returncode}")
        return {"function": written["function"], "result": json.loads(done.stdout)}


if __name__ == "__main__":
    Executor.main()
