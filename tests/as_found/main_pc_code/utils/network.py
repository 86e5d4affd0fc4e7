import os
import socket as sockets

import yaml

from common.config_loader import project_root


def machine():
    return os.environ.get("MACHINE_TYPE", "mainpc")


def pc2_host():
    path = project_root() / "main_pc_code" / "config" / "network.yaml"
    try:
        with open(path) as file:
            return yaml.safe_load(file)["pc2"]["host"]
    except (OSError, KeyError, TypeError):
        return os.environ.get("PC2_IP", "127.0.0.1")


def is_free(port, host="127.0.0.1"):
    with sockets.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((host, port)) != 0
