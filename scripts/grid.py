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
from data.images import read_rgb, to_tensor
from data.levels import to_device
from data.resize import fit
from diffusion.pictures import grid_picture, pair_pictures, picture_aspect
from models.pose_transfer import PoseTransferModel
from system.errors import command
from system.files import write_whole


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
    items = [pairs[i] for i in chosen]
    batch = to_device(torch.utils.data.default_collate(items), "cpu")
    generated = [to_tensor(fit(read_rgb(Path(args.generated) / item["result"]), size, resize)) for item in items]
    with torch.no_grad():
        condition = model.encode(batch["source_image"], batch["source_pose"], batch["target_pose"])
    columns = pair_pictures(batch, condition, generated)
    grid = grid_picture(columns, args.height, picture_aspect(size, resize))
    write_whole(args.out, lambda file: grid.save(file, format="PNG"))
    print(f"{args.out}: {len(items)} pairs")


def spread(count, wanted):
    """Up to `wanted` indices, evenly over `count`: neighbours in a pair file show the same person."""
    wanted = min(wanted, count)
    return [i * count // wanted for i in range(wanted)]


if __name__ == "__main__":
    main()
