#!/usr/bin/env bash
# Everything that must hold before a change goes in: bash scripts/test.sh [flags of pytest]
#
# Installs what it needs, test tools included (and Chromium, for those of the web page, where there is apt-get and the
# right to use it), then checks the style (ruff) and the types (basedpyright), shows what the CUDA compiler made of the
# kernels, and runs the tests (pytest).
set -euo pipefail
export setup_flags=--dev
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

if ! command -v chromium chromium-browser google-chrome >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
then
    echo "test: installing Chromium" >&2
    { apt-get -q update && apt-get -q install -y --no-install-recommends chromium; } >/dev/null ||
        echo "test: Chromium could not be installed; tests of the web page are skipped" >&2
fi
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check --quiet .
"$PYTHON" -m basedpyright --project . --pythonpath "$PYTHON"
"$PYTHON" -m flow_ops.build --report
"$PYTHON" -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder "$@"
