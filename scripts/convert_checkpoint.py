"""Convert a checkpoint of the authors' release into a folder that this program reads; or back.

    python scripts/convert_checkpoint.py RELEASE.pt --out checkpoints/release
    python scripts/convert_checkpoint.py checkpoints/release --to-release --out RELEASE.pt

Nothing in the file is executed. Each of its tensors is either used or known to have no effect; the summary says which.
"""

import dataclasses
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import Parser
from config.schema import Config, ModelConfig
from models.pose_transfer import PoseTransferModel
from models.pretrained import fetch
from models.release.convert import from_release, read_release, release_shapes, to_release
from system.errors import InputError, command
from system.files import sha256_of, whole_folder, write_whole

ORIGIN = (
    "Converted from `{file}` (SHA-256 `{digest}`), a checkpoint of the form that the authors of the paper release: "
    "{kind}. The authors trained theirs on DeepFashion In-shop, 101,966 pairs of 37,016 images, at 256 x 256."
)
KINDS = {
    "ema": "its `ema`, the moving average of the weights, which their own sampling uses",
    "model": "its `model`, the weights without moving average",
    "only": "the one set of weights that it holds",
}
LICENCE = "The authors publish code and weights under Apache-2.0; DeepFashion is for non-commercial research only."


@command
def main():
    """Parse the command line and convert."""
    parser = Parser(__doc__)
    parser.add_argument("checkpoint", help="the release's file; with --to-release, a checkpoint folder")
    parser.add_argument("--out", required=True, help="the folder to make, new or empty; with --to-release, the file")
    parser.add_argument("--weights", choices=("ema", "model"), help="of the release's file (default: ema)")
    parser.add_argument("--to-release", action="store_true", help="write a file that the release's code reads")
    args = parser.parse_args()
    out = Path(args.out)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out}: is there already; name another --out.")
    if args.to_release and args.weights:
        raise InputError("--weights: goes with reading a release file; a checkpoint folder has one set of weights.")
    if args.to_release:
        convert_back(args.checkpoint, out)
    else:
        convert(args.checkpoint, out, args.weights or "ema")


def convert(path, out, kind):
    """Write the weights `kind` of the release file `path` to the folder `out`."""
    release = read_release(path, kind)
    model = PoseTransferModel.empty(Config().model)
    own = model.state_dict()
    model.load_state_dict(from_release(release, own), assign=True)
    origin = ORIGIN.format(file=release.path.name, digest=sha256_of(path), kind=KINDS[release.kind])
    with whole_folder(out) as folder:
        model.save_pretrained(folder, model_card_kwargs={"origin": origin, "licence": LICENCE})
    print(summary(release, *release_shapes(own)))
    print(f"{out}: {', '.join(sorted(path.name for path in out.iterdir()))}")


def convert_back(path, out):
    """Write a checkpoint folder's weights to the file `out`, in the release's form."""
    folder = fetch(path)
    if folder.is_file():
        raise InputError(f"{path}: a file already; --to-release converts a checkpoint folder.")
    model = PoseTransferModel.from_pretrained(folder)
    if dataclasses.replace(model.config, dropout=ModelConfig().dropout) != ModelConfig():
        raise InputError(f"{path}: has no form in the release, which knows config/deepfashion_256.yaml's network only.")
    weights = to_release(model.state_dict())
    write_whole(out, lambda file: save({"model": weights, "ema": weights}, file))
    print(f"{out}: {len(weights):,} tensors, the same under 'model' and 'ema'")


def save(content, file):
    """torch.save, with the errors that it hides: it fails once more when it closes what could not be written."""
    try:
        torch.save(content, file)
    except RuntimeError as error:
        raise error.__context__ or OSError(error) from error


def summary(release, used, unused):
    """What became of each tensor, in a few lines. used, unused: as `release_shapes` gives them."""
    parameters = sum(tensor.numel() for name, tensor in release.weights.items() if name in used and is_parameter(name))
    lines = [
        f"{release.path}: {len(release.weights):,} tensors, {KINDS[release.kind].split(',')[0]}",
        f"  {len(used):5,} used: {parameters:,} parameters, and statistics of batch normalisation",
    ]
    for title, group in unused.items():
        lines.append(f"  {len(group.keys() & release.weights.keys()):5,} without effect: {title}")
    if release.others:
        lines.append(f"  other entries, not converted: {', '.join(map(str, release.others))}")
    if release.unread:
        lines.append(f"  objects of these classes were not made: {', '.join(release.unread)}")
    return "\n".join(lines)


def is_parameter(name):
    """Whether a tensor of the release is trained, and no statistic."""
    return name.split(".")[-1] in ("weight", "bias", "position_embeddings")


if __name__ == "__main__":
    main()
