"""How true a model's flow is, on drawn people, whose true flow is known: python -m evaluation.flow --checkpoint RUN

Prints the end-point error in pixels of the model's image size and the shares of pixels that are off by less than 1 and
3 pixels, over the pixels that show what the source photo shows too: for the flow network's flows at each stride, for
the same after self-calibration (while the test pairs are drawn, mean over blocks and sampling steps), and, to compare
with, for no flow at all and for the affine flow of each pair that is nearest to the truth.
"""

import dataclasses
import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from config.flags import Parser, whole
from config.sampling_flags import add_sampling_flags, sampling_settings
from data.dataset import TestPairs
from data.levels import to_device
from data.synthetic import pair_flow
from data.workers import load_batch
from diffusion.drawing import draw_pairs
from evaluation.statistics import estimates, people_of
from evaluation.wording import counted, sides
from models.pose_transfer import PoseTransferModel
from system.errors import InputError, command
from system.files import writable_folder, write_text
from system.progress import progress_bar

BATCH = 8
FEWEST_PIXELS = 3  # Visible ones, of a pair that counts: an affine flow through fewer is any.


class FlowErrors(NamedTuple):
    """Of one pair, over its visible pixels."""

    epe: float  # Mean length of the difference to the true flow, in pixels.
    under_1px: float  # Share of pixels off by less.
    under_3px: float


class Row(NamedTuple):
    """Means of FlowErrors over pairs, and the ends of the interval of the first; None for one person alone."""

    epe: float
    epe_low: float | None
    epe_high: float | None
    under_1px: float
    under_3px: float


class Measured(NamedTuple):
    """What was found of a model."""

    rows: dict[str, Row]  # "zero", "best affine", "stride 4", "stride 4, self-calibrated", ..
    pairs: int
    left_out: int  # Pairs with fewer than FEWEST_PIXELS pixels that both photos show.


@command
def main(arguments=None):
    """Run the command line."""
    parser = Parser(__doc__, prog="python -m evaluation.flow")
    parser.add_argument("--checkpoint", required=True, help="a checkpoint or run folder")
    parser.add_argument("--data", required=True, help="what data/synthetic.py wrote")
    add_sampling_flags(parser)
    parser.add_argument("--seed", type=whole("--seed", 0), default=0)
    parser.add_argument("--limit", type=whole("--limit", 1), help="the first pairs only")
    parser.add_argument("--out", metavar="FILE", help="write the numbers there too, as JSON")
    options = parser.parse_args(arguments)

    if options.out:
        writable_folder(Path(options.out).parent)
    model = PoseTransferModel.from_pretrained(options.checkpoint)
    if model.experiment.data.resize != "squeeze":
        raise InputError(
            f"{options.checkpoint}: expected a model of squeezed photos (data.resize), whose flow is known"
        )
    if not model.config.flow:
        raise InputError(f"{options.checkpoint}: expected a model with a flow; its model.flow is false")
    sampling = sampling_settings(options, model.experiment.sampling)
    found = measure(model, options.data, sampling, options.seed, options.limit)
    print(_table(found.rows))
    shape = sides(model.config.image_size)
    print(f"{counted(found.pairs, 'pair')} of {options.data} at {shape}; [95 % intervals]", end="")
    print(f"; {found.left_out} more have too few pixels in common" if found.left_out else "")
    if options.out:
        record = {
            "checkpoint": options.checkpoint,
            "data": options.data,
            "size": list(model.config.image_size),
            "sampling": {**dataclasses.asdict(sampling), "seed": options.seed},
            "pairs": found.pairs,
            "left_out": found.left_out,
            "rows": {name: row._asdict() for name, row in found.rows.items()},
        }
        write_text(options.out, f"{json.dumps(record, indent=2)}\n")


def measure(model, root, sampling, seed, limit=None):
    """The Measured of the first `limit` (None: all) test pairs below `root`, drawn as `sampling` says.

    Raises InputError for a set whose flow is not known, and where no pair has enough pixels in common.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device).eval()
    pairs = TestPairs(root, model.config.image_size, targets=False)
    chosen = range(len(pairs))[:limit]
    errors, people, left_out = {"zero": [], "best affine": []}, [], 0
    with progress_bar(what="flow", unit="pair", total=len(chosen), leave=False) as bar:
        for start in range(0, len(chosen), BATCH):
            batch_of = chosen[start : start + BATCH]
            items = [pairs[i] for i in batch_of]
            truths = [pair_flow(root, item["target"], item["source"], pairs.size) for item in items]
            known = [i for i, (_, visible) in enumerate(truths) if visible.sum() >= FEWEST_PIXELS]
            left_out += len(items) - len(known)
            if known:
                items, truths = [items[i] for i in known], [truths[i] for i in known]
                people += people_of(item["target"] for item in items)
                errors["zero"] += [flow_errors(np.zeros_like(truth[0]), *truth) for truth in truths]
                errors["best affine"] += [flow_errors(best_affine(*truth), *truth) for truth in truths]
                batch = to_device(load_batch(items, range(len(items))), device)
                for name, found in _model_errors(model, batch, truths, sampling, seed).items():
                    errors.setdefault(name, []).extend(found)
            bar.update(len(batch_of))
    if not errors["zero"]:
        raise InputError(f"{root}: none of its test pairs has {FEWEST_PIXELS} pixels that both photos show")
    return Measured({name: _row(values, people) for name, values in errors.items()}, len(people), left_out)


def _model_errors(model, batch, truths, sampling, seed):
    """Row -> FlowErrors of each pair of a batch, for the model's own flows."""
    size = batch["target_pose"].shape[2:]

    def errors_of(flow):
        return [flow_errors(own, *truth) for own, truth in zip(upsampled(flow, size), truths, strict=True)]

    after = defaultdict(list)  # By stride, of each block and step.

    def keep(module, inputs, outputs):  # noqa: ARG001
        for stride, flows in outputs[1].items():
            after[stride] += map(errors_of, flows)

    hook = model.denoiser.register_forward_hook(keep)
    try:
        _, condition = draw_pairs(model, batch, sampling, seed)
    finally:
        hook.remove()
    rows = {}
    for stride in sorted(condition.flows):
        rows[f"stride {stride}"] = errors_of(condition.flows[stride])
        if stride in after:
            rows[f"stride {stride}, self-calibrated"] = [_mean(of_pair) for of_pair in zip(*after[stride], strict=True)]
    return rows


def upsampled(flow, size):
    """A flow (B, 2, h, w) in pixels of its grid -> float32 (B, 2, H, W) in pixels of an image of `size`, bilinear."""
    scale = flow.new_tensor([size[1] / flow.shape[3], size[0] / flow.shape[2]])[:, None, None]
    return F.interpolate(flow * scale, size=tuple(size), mode="bilinear").float().cpu().numpy()


def flow_errors(flow, truth, visible):
    """FlowErrors of a flow (2, H, W) against the true one, over the pixels where `visible` (H, W) is true."""
    distance = np.linalg.norm(flow - truth, axis=0)[visible]
    return FlowErrors(float(distance.mean()), float((distance < 1).mean()), float((distance < 3).mean()))


def best_affine(truth, visible):
    """The flow (2, H, W) that is affine in the position and nearest to the truth, by least squares, where visible."""
    rows, columns = np.mgrid[: truth.shape[1], : truth.shape[2]]
    design = np.stack([rows, columns, np.ones_like(rows)], axis=-1).astype(np.float64)  # (H, W, 3)
    solution, *_ = np.linalg.lstsq(design[visible], truth[:, visible].T.astype(np.float64), rcond=None)
    return (design @ solution).transpose(2, 0, 1)


def _mean(errors):
    return FlowErrors(*np.mean(errors, axis=0).tolist())


def _row(errors, people):
    epe = estimates({"epe": np.array([one.epe for one in errors])}, people)["epe"]
    _, *shares = _mean(errors)
    return Row(epe.value, epe.low, epe.high, *shares)


def _table(rows):
    width = max(map(len, rows))
    lines = [f"{'':{width}}  {'EPE (px)':24}  < 1 px   < 3 px"]
    for name, row in rows.items():
        interval = "" if row.epe_low is None else f"[{row.epe_low:7.3f}, {row.epe_high:7.3f}]"
        lines.append(f"{name:{width}}  {row.epe:6.3f} {interval:18} {row.under_1px:7.1%}  {row.under_3px:7.1%}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
