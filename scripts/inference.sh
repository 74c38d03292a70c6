#!/usr/bin/env bash
# Generate pictures: bash scripts/inference.sh [flags of test.py]
#
# Without flags, the demo weights draw the demo pairs into outputs/inference. --help lists the flags.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

if [ $# -eq 0 ]; then
    checkpoint=checkpoints/demo
    [ -d "$checkpoint" ] || checkpoint=runs/demo_64
    if ! [ -d "$checkpoint" ] || ! [ -d datasets/demo ]; then
        echo "The demo weights or the demo pairs are not here yet; 'bash scripts/demo.sh' makes both." >&2
        exit 2
    fi
    set -- --checkpoint "$checkpoint" --data datasets/demo --out outputs/inference
fi
exec "$PYTHON" test.py "$@"
