#!/usr/bin/env bash
# Train: bash scripts/train.sh [CONFIG] [key=value ...]
#
# CONFIG is a file of config/, by default config/deepfashion_256.yaml; key=value changes one of its settings. The same
# command, given again, goes on from the newest checkpoint. Environment variables:
#
#   NPROC      processes on this node; by default one per GPU, or one
#   NNODES     nodes, on each of which this command is given: 4, or from two to four 2:4; by default 1
#   RDZV       host:port where the nodes meet, on a node that stays to the end; needed unless NNODES is 1
#   RDZV_ID    what the nodes' common run is called; by default Slurm's number of the job, or train
#   RESTARTS   how often processes are started again after one has crashed, where there are several; by default 3
#
# Exit codes:
#
#   0     done
#   2     something that was given cannot be used; a sentence says what
#   75    told to stop by SIGTERM or SIGUSR1, and saved: the same command goes on
#   130   interrupted (Ctrl-C)
#   else  a process failed with this code, or with 1 if a signal killed it, more often than RESTARTS
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

refuse() {
    echo "error: $1" >&2
    exit 2
}

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
NNODES="${NNODES:-1}" RDZV="${RDZV:-}" RESTARTS="${RESTARTS:-3}"
[[ "$NPROC" =~ ^[1-9][0-9]{0,3}$ ]] || refuse "NPROC: expected a number of processes, 1 or more, got $NPROC"
[[ "$RESTARTS" =~ ^[0-9]{1,6}$ ]] || refuse "RESTARTS: expected a number, 0 or more, got $RESTARTS"
[[ "$NNODES" =~ ^[1-9][0-9]{0,3}(:[1-9][0-9]{0,3})?$ ]] && [ "${NNODES%:*}" -le "${NNODES#*:}" ] ||
    refuse "NNODES: expected a number of nodes such as 4, or a range such as 2:4, got $NNODES"

flags=(--nproc-per-node "$NPROC" --max-restarts "$RESTARTS")
if [ "$NNODES" != 1 ]; then
    [[ "$RDZV" =~ ^.+:[1-9][0-9]{0,4}$ ]] && [ "${RDZV##*:}" -lt 65536 ] ||
        refuse "RDZV: expected the host:port where $NNODES nodes meet, such as node1:29500, got ${RDZV:-nothing}"
    flags+=(--nnodes "$NNODES" --rdzv-backend c10d --rdzv-endpoint "$RDZV")
    flags+=(--rdzv-id "${RDZV_ID:-${SLURM_JOB_ID:-train}}")
elif [ "$NPROC" -gt 1 ]; then
    flags+=(--standalone)
else
    exec "$PYTHON" train.py "$config" "$@"
fi
# The cores are shared by the processes; torchrun would give each of them one.
share=$(($(getconf _NPROCESSORS_ONLN) / NPROC))
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$((share > 0 ? share : 1))}"
exec "$PYTHON" scripts/launch.py "${flags[@]}" train.py "$config" "$@"
