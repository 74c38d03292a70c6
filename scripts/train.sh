#!/usr/bin/env bash
# Train: bash scripts/train.sh [CONFIG] [key=value ...]
#
# CONFIG is a file of config/, by default config/deepfashion_256.yaml; key=value changes one of its settings. There is
# one process per GPU, or NPROC of them. The same command, given again, goes on from the newest checkpoint.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

config=config/deepfashion_256.yaml
if [ $# -gt 0 ] && { [[ "$1" != *=* && "$1" != -* ]] || [[ "$1" == *.y*ml ]]; }; then
    config="$1"
    shift
fi

if [ -z "${NPROC:-}" ]; then
    NPROC=1
    if nvidia-smi -L >/dev/null 2>&1; then
        NPROC="$("$PYTHON" -c 'import torch; print(max(1, torch.cuda.device_count()))')"
    fi
fi
if ! [[ "$NPROC" =~ ^[1-9][0-9]*$ ]]; then
    echo "NPROC: expected a number of processes, 1 or more, got $NPROC" >&2
    exit 2
fi

if [ "$NPROC" -gt 1 ]; then
    exec "$PYTHON" -m torch.distributed.run --standalone --nproc_per_node "$NPROC" train.py "$config" "$@"
fi
exec "$PYTHON" train.py "$config" "$@"
