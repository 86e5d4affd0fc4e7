#!/usr/bin/env bash
# Starts everything on the main PC, in the order of the config.
cd "$(dirname "$0")" || exit 1
export PYTHONPATH="$PWD:$PWD/main_pc_code"
export HEARTH_HOME="$PWD"
mkdir -p main_pc_code/logs
exec python3 tools/launch.py main_pc_code/config/startup_config.yaml
