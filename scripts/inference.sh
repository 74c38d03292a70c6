#!/usr/bin/env bash
# Generate pictures: bash scripts/inference.sh [flags of test.py]
#
# Without flags, the demo's weights draw the demo's pairs into outputs/inference. --help lists the flags.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

if [ $# -eq 0 ]; then
    [ -f datasets/demo/test_pairs.txt ] || "$PYTHON" data/synthetic.py --preset demo --out datasets/demo
    set -- --checkpoint checkpoints/demo --data datasets/demo --out outputs/inference --replace
fi
exec "$PYTHON" test.py "$@"
