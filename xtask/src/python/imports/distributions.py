"""Prints distributions.txt's lines for what is installed beside the Python that runs this: pip install …, then run it.

Names of modules come from each distribution's own RECORD, what it needs from its METADATA (without extras)."""
import importlib.metadata
import re

from packaging.requirements import Requirement


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def modules(distribution):
    found = set()
    for path in map(str, distribution.files or []):
        first, _, rest = path.partition("/")
        if rest and first.isidentifier() and rest.endswith((".py", ".so")):
            found.add(first)
        elif not rest and path.endswith((".py", ".so")):
            found.add(path.split(".")[0])
    return sorted(found - {"tests", "test", "docs", "examples", "benchmarks"})


def needs(distribution):
    for line in distribution.requires or []:
        requirement = Requirement(line)
        marker = str(requirement.marker or "")
        if not any(word in marker for word in ("extra", "Windows", "win32")):
            yield normalised(requirement.name)


for distribution in sorted(importlib.metadata.distributions(), key=lambda it: normalised(it.metadata["Name"])):
    names = " ".join(modules(distribution))
    print(f"{normalised(distribution.metadata['Name'])}: {names} | {' '.join(sorted(set(needs(distribution))))}".rstrip())
