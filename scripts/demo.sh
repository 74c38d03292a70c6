#!/usr/bin/env bash
# The whole road on made-up people: bash scripts/demo.sh
#
# It runs on a CPU and downloads nothing but Python packages. The weights in checkpoints/demo put people whom they never
# saw into new poses, which are scored, and laid out in a grid to look at: outputs/demo/grid.png. At last, training is
# tried for a few steps. config/demo_64.yaml is how these weights were trained.
set -euo pipefail

# stage TITLE COMMAND.. : say what is done and where it goes, do it, say how long it took.
stage() {
    local title="$1" started="$SECONDS"
    shift
    echo "== $title"
    "$@"
    echo "   done in $((SECONDS - started)) s"
}

# Not by stage(): it sets this shell's variables.
echo "== Environment: what requirements.txt names"
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
echo "   done in $SECONDS s"

stage "Draw made-up people -> datasets/demo" \
    "$PYTHON" data/synthetic.py --preset demo --out datasets/demo
stage "Put those that the weights never saw into other poses -> outputs/demo/generated" \
    "$PYTHON" test.py --checkpoint checkpoints/demo --data datasets/demo --out outputs/demo/generated \
    --replace
stage "Score the pictures against the true ones -> outputs/demo/scores" \
    bash scripts/evaluate.sh --generated outputs/demo/generated --data datasets/demo --protocol clean \
    --metrics ssim psnr l1 --copy-source --out outputs/demo/scores
stage "Lay source, pose, truth and result side by side -> outputs/demo/grid.png" \
    "$PYTHON" scripts/grid.py --checkpoint checkpoints/demo --data datasets/demo --generated outputs/demo/generated \
    --out outputs/demo/grid.png
stage "Pack images for training -> datasets/demo_lmdb" \
    "$PYTHON" data/prepare_data.py --root datasets/demo --out datasets/demo_lmdb --size 64x64
stage "Train a model of the same kind for a few steps -> runs/demo" \
    bash scripts/train.sh config/demo_64.yaml data.root=datasets/demo data.lmdb=datasets/demo_lmdb \
    training.output=runs/demo training.steps=12 training.warmup_steps=4 training.decay_steps=4 \
    training.log_every=3 training.picture_every=12 training.precision=no

echo "== The demo took $SECONDS s. Look at outputs/demo/grid.png"
