#!/usr/bin/env bash
# Installs the Python peers of internal/realpeers into .ci/rig/python/venv: needs Python 3.11 or later with its venv module.
# Nothing is done when that has been done from the present requirements.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/python"
cmp -s requirements.txt venv/requirements.txt && exit 0
python3 -m venv --clear venv
venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps -r requirements.txt
venv/bin/python -m pip check
cp requirements.txt venv/
