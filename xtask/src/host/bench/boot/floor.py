"""Starts so many interpreters at once, each of which imports the modules and ends; prints seconds of wall and CPU time.

    floor.py INTERPRETERS MODULE...
"""
import os
import resource
import sys
import time

count, modules = int(sys.argv[1]), sys.argv[2:]
words = [sys.executable, "-u", "-c", f"import {', '.join(modules)}"]
begun = time.monotonic()
started = [os.posix_spawn(sys.executable, words, os.environ) for _ in range(count)]
failed = sum(os.waitpid(pid, 0)[1] != 0 for pid in started)
wall = time.monotonic() - begun
if failed:
    sys.exit(f"{failed} of {count} interpreters failed")
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, usage.ru_utime + usage.ru_stime)
