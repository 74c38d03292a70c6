"""Make of a checkpoint a folder to hand on: weights in half the bytes, configuration, card, and the run's curves.

    python scripts/publish.py --checkpoint runs/demo_64 --out checkpoints/demo

Weights become float16, but for those that would not be finite; whoever loads them computes in float32 as before. Of a
run folder, the newest checkpoint is taken, and curve.png and metrics.jsonl come along.
"""

import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.errors import InputError, command
from config.flags import Parser
from data.files import whole_folder
from diffusion.checkpoints import resolve_checkpoint
from diffusion.report import METRICS_FILE, TENSORBOARD_FOLDER
from models.pretrained import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, save_tensors
from scripts import plot_run


@command
def main(arguments=None):
    """Parse the command line and write the folder."""
    parser = Parser(__doc__)
    parser.add_argument("--checkpoint", required=True, help="a run folder or a checkpoint folder")
    parser.add_argument("--out", required=True, help="the folder to make")
    args = parser.parse_args(arguments)
    checkpoint, run, out = resolve_checkpoint(args.checkpoint), Path(args.checkpoint), Path(args.out)
    if not checkpoint.is_dir():
        raise InputError(f"--checkpoint {checkpoint}: expected a folder; scripts/convert_checkpoint.py makes one of it")
    if out.exists():
        raise InputError(f"--out {out}: is there already; name another one")
    with whole_folder(out) as folder:
        for name in (CONFIG_FILE, CARD_FILE):
            shutil.copyfile(checkpoint / name, folder / name)
        save_tensors(halved(load_file(checkpoint / WEIGHTS_FILE)), folder / WEIGHTS_FILE)
        if (run / TENSORBOARD_FOLDER).is_dir():
            shutil.copyfile(run / METRICS_FILE, folder / METRICS_FILE)
            plot_run.write(run, folder / "curve.png")
    print(f"{out}: {', '.join(sorted(path.name for path in out.iterdir()))}")


def halved(weights):
    """Weights, name -> tensor, in float16 where that holds them."""
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    return {name: half if torch.isfinite(half).all() else weights[name] for name, half in halves.items()}


if __name__ == "__main__":
    main()
