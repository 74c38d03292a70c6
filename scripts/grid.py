"""Lay generated pictures out beside what they were made from: source, skeleton, target, generated, flow, mask.

    python scripts/grid.py --checkpoint checkpoints/demo --data datasets/demo --generated outputs/demo/generated \
        --out grid.png
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import Parser, whole
from data.dataset import TestPairs
from data.images import read_rgb, to_tensor, write_png
from data.levels import to_device
from data.resize import fit
from data.workers import load_batch
from diffusion.pictures import grid_picture, pair_pictures, picture_aspect
from models.pose_transfer import PoseTransferModel
from system.errors import command


@command
def main():
    """Parse the command line and write the grid."""
    parser = Parser(__doc__)
    parser.add_argument("--checkpoint", required=True, help="what test.py was given")
    parser.add_argument("--data", required=True, help="the data's root, with the target images")
    parser.add_argument("--generated", required=True, help="what test.py wrote")
    parser.add_argument("--out", required=True, help="PNG file to write")
    parser.add_argument("--pairs", type=whole("--pairs", 1), default=8, help="rows")
    parser.add_argument("--height", type=whole("--height", 1, 4096), default=192, help="of each picture in it")
    args = parser.parse_args()

    model = PoseTransferModel.from_pretrained(args.checkpoint)
    size, resize = model.config.image_size, model.experiment.data.resize
    pairs = TestPairs(args.data, size, targets=True, resize=resize)
    chosen = spread(len(pairs), args.pairs)
    batch = to_device(load_batch(pairs, chosen), "cpu")
    generated = [to_tensor(fit(read_rgb(Path(args.generated) / name), size, resize)) for name in batch["result"]]
    with torch.no_grad():
        condition = model.encode(batch["source_image"], batch["source_pose"], batch["target_pose"])
    columns = pair_pictures(batch, condition, generated)
    grid = grid_picture(columns, args.height, picture_aspect(size, resize))
    write_png(args.out, grid)
    print(f"{args.out}: {len(chosen)} pairs")


def spread(count, wanted):
    """Up to `wanted` indices, evenly over `count`: neighbours in a pair file show the same person."""
    wanted = min(wanted, count)
    return [i * count // wanted for i in range(wanted)]


if __name__ == "__main__":
    main()
