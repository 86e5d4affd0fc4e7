import subprocess
import sys

from main_pc_code.utils.limits import DEFAULT, as_seconds

LIMITS = {"seconds": as_seconds(DEFAULT)}


def run_in_sandbox(code, limits):
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=limits["seconds"])
    return {"out": finished.stdout[-1000:], "exit": finished.returncode}
