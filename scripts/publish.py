"""Make of a checkpoint a folder to hand on: weights in half the bytes, configuration, card, and the run's curves.

    python scripts/publish.py --checkpoint runs/demo_64 --out checkpoints/mine

Weights become float16, but for those that would not be finite; whoever loads them computes in float32 as before. Of a
run folder the newest checkpoint is taken, and curve.png and metrics.jsonl come along. The card is copied, to be edited:
how well the model does is for you to say.
"""

import shutil
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import Parser
from models.pose_transfer import PoseTransferModel
from models.pretrained import CARD_FILE, WEIGHTS_FILE, fetch, save_tensors
from scripts import plot_run
from system.errors import InputError, command
from system.files import whole_folder
from training.report import METRICS_FILE, TENSORBOARD_FOLDER


@command
def main(arguments=None):
    """Parse the command line and write the folder."""
    parser = Parser(__doc__)
    parser.add_argument("--checkpoint", required=True, help="a run folder or a checkpoint folder")
    parser.add_argument("--out", required=True, help="the folder to make")
    args = parser.parse_args(arguments)
    checkpoint, run, out = fetch(args.checkpoint), Path(args.checkpoint), Path(args.out)
    if not checkpoint.is_dir():
        raise InputError(f"--checkpoint {checkpoint}: expected a folder; scripts/convert_checkpoint.py makes one of it")
    if out.exists():
        raise InputError(f"--out {out}: is there already; name another one")
    model, curves = PoseTransferModel.from_pretrained(checkpoint), plot_run.scalars(run / TENSORBOARD_FOLDER)
    with whole_folder(out) as folder:
        if (checkpoint / CARD_FILE).is_file():
            shutil.copyfile(checkpoint / CARD_FILE, folder / CARD_FILE)
        model.describe(folder)
        save_tensors(halved(model.state_dict()), folder / WEIGHTS_FILE)
        if curves:
            plot_run.write(curves, folder / "curve.png")
        if (run / METRICS_FILE).is_file():
            shutil.copyfile(run / METRICS_FILE, folder / METRICS_FILE)
    print(f"{out}: {', '.join(sorted(path.name for path in out.iterdir()))}")


def halved(weights):
    """Weights, name -> tensor, in float16 where that holds them."""
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    return {name: half if torch.isfinite(half).all() else weights[name] for name, half in halves.items()}


if __name__ == "__main__":
    main()
