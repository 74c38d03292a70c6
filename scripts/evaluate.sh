#!/usr/bin/env bash
# Score generated pictures: bash scripts/evaluate.sh --generated DIR --data ROOT --protocol NAME   (more: --help)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
exec "$PYTHON" -m evaluation "$@"
