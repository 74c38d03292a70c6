#!/usr/bin/env bash
# The whole road on made-up people: bash scripts/demo.sh
#
# It runs on a CPU and downloads nothing but Python packages.
# Data, training, pictures, scores, and at the end a grid to look at: outputs/demo/grid.png.
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

stage "Draw a small data set of made-up people -> datasets/demo" \
    "$PYTHON" data/synthetic.py --out datasets/demo
stage "Pack its images for training -> datasets/demo_lmdb" \
    "$PYTHON" data/prepare_data.py --root datasets/demo --out datasets/demo_lmdb --size 64x64
stage "Train a small model by config/demo_64.yaml -> runs/demo_64" \
    bash scripts/train.sh config/demo_64.yaml
# Pictures that are older than the weights are those of an earlier run.
newest="$(printf '%s\n' runs/demo_64/checkpoints/step_* | tail -n 1)"
[ outputs/demo/generated/settings.json -nt "$newest" ] || rm -rf outputs/demo/generated
stage "Draw the test pairs with it -> outputs/demo/generated" \
    "$PYTHON" test.py --checkpoint runs/demo_64 --data datasets/demo --out outputs/demo/generated
stage "Score them against the true images -> outputs/demo/scores" \
    bash scripts/evaluate.sh --generated outputs/demo/generated --data datasets/demo --protocol clean \
    --metrics ssim psnr l1 --copy-source --out outputs/demo/scores
stage "Lay source, pose, result and truth side by side -> outputs/demo/grid.png" \
    "$PYTHON" scripts/grid.py --checkpoint runs/demo_64 --data datasets/demo --generated outputs/demo/generated \
    --out outputs/demo/grid.png

echo "== The demo took $SECONDS s. Look at outputs/demo/grid.png"
