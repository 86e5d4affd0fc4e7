"""Settings of an agent, from the startup config of its machine."""

import os
import re
from functools import lru_cache
from pathlib import Path

import yaml

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def project_root():
    home = os.environ.get("HEARTH_HOME")
    return Path(home) if home else Path(__file__).resolve().parent.parent


def expand(value):
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: os.environ.get(match.group(1), match.group(2) or ""), value)
    if isinstance(value, dict):
        return {key: expand(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [expand(inner) for inner in value]
    return value


@lru_cache(maxsize=None)
def load(machine="main_pc_code"):
    path = project_root() / machine / "config" / "startup_config.yaml"
    if not path.exists():
        return {}
    return expand(yaml.safe_load(path.read_text()))


def settings(machine="main_pc_code"):
    return load(machine).get("global_settings", {})
