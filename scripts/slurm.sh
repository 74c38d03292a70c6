#!/usr/bin/env bash
# Train on nodes that Slurm gives: sbatch scripts/slurm.sh CONFIG [key=value ...]
#
# Submit it in the repository's folder. That folder, the environment and `training.output` must be on a file system that
# all nodes share, and `bash setup.sh` must have been run once, on a node of the same kind. Nodes, GPUs and time are
# changed here or by flags of sbatch. Three minutes before the time is over the processes finish their step and save,
# and the job queues up again until the training is done; so it does when it is preempted or a node fails.
#
#SBATCH --job-name=pose-transfer
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@180
set -euo pipefail

if [ ! -f scripts/train.sh ]; then # Slurm runs a copy of this file: where it lies says nothing.
    echo "slurm.sh: submit it in the repository's folder, not in $PWD" >&2
    exit 2
fi

nodes="$(scontrol show hostnames "$SLURM_JOB_NODELIST")"
export NNODES="$SLURM_JOB_NUM_NODES"
export RDZV="${nodes%%$'\n'*}:$((20000 + SLURM_JOB_ID % 10000))" # Jobs that share a node differ in their port.
export RDZV_ID="$SLURM_JOB_ID"

# USR1 comes to this shell alone (B:). srun hands it on to each node's task, without asking the controller; TERM it would
# not hand on but kill the tasks, so they are told USR1 for TERM as well. Once: the tasks are leaving, and Slurm itself
# sends them TERM when the time is over.
told= step=
tell() {
    told=yes
    trap '' USR1 TERM
    [ -z "$step" ] || kill -USR1 "$step" || true # It may have ended just now.
}
trap tell USR1 TERM

# srun takes the CPUs from no #SBATCH line. A task that ends early does not end the others, which may still be saving.
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" --kill-on-bad-exit=0 bash scripts/train.sh "$@" &
step=$!
[ -z "$told" ] || kill -USR1 "$step"

code=0
wait "$step" || code=$?
if [ -n "$told" ]; then # The signal ended the waiting, not srun.
    code=0
    wait "$step" || code=$?
fi
if [ "$code" = 75 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
