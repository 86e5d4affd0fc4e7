#!/usr/bin/env bash
cd "$(dirname "$0")" || exit 1
export PYTHONPATH="$PWD:$PWD/pc2_code:$PWD/main_pc_code"
export HEARTH_HOME="$PWD"
exec python3 tools/launch.py pc2_code/config/startup_config.yaml
