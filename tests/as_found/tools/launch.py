"""Starts every agent of a startup config and leaves it alone."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


def entries(config):
    for key, value in config.items():
        if isinstance(value, list):
            yield from (entry for entry in value if isinstance(entry, dict) and "script_path" in entry)
        elif isinstance(value, dict):
            for name, entry in value.items():
                if isinstance(entry, dict) and "script_path" in entry:
                    yield {"name": name, **entry}
                elif isinstance(entry, dict):
                    yield from entries({key: value})
                    break


def main():
    config = yaml.safe_load(Path(sys.argv[1]).read_text())
    running = []
    for entry in entries(config):
        command = [sys.executable, str(ROOT / entry["script_path"]), "--port", str(entry.get("port", 0))]
        print("starting", entry["name"], flush=True)
        running.append(subprocess.Popen(command, cwd=ROOT))
    for process in running:
        process.wait()


if __name__ == "__main__":
    main()
