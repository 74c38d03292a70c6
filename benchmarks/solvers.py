"""How near each sampler comes to the converged picture, by the number of network calls.

    python benchmarks/solvers.py --checkpoint checkpoints/demo --data datasets/demo [--pairs 12] [--json]

The converged pictures are DDIM's with 1,000 steps. Every sampler begins with the same noise; a number is the root mean
square distance of its pictures to those, in units of a picture's range of [-1, 1], not clipped. A call is one guided
prediction. DDPM draws noise of its own on the way, so it ends elsewhere, and is left out.
"""

import sys
from pathlib import Path

from system.progress import progress_bar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import add_json_flag, report
from benchmarks.workload import device
from config.flags import Parser, number, whole
from config.schema import SamplingConfig
from data.dataset import TestPairs
from data.levels import to_device
from data.workers import load_batch
from diffusion.drawing import draw_pairs
from diffusion.precision import set_precision
from models.pose_transfer import PoseTransferModel
from system.errors import command
from system.machine import use_machine

CONVERGED, RELEASE = SamplingConfig("ddim", steps=1000), SamplingConfig("ddim", steps=50)
SAMPLERS = ("ddim", "dpm++", "unipc")


@command
def main():
    """Draw, compare, print."""
    args = parse_args()
    use_machine()
    set_precision("no")
    model = PoseTransferModel.from_pretrained(args.checkpoint).to(device())
    batch = some_pairs(args.data, model, args.pairs)

    def draw(sampler, steps):
        sampling = SamplingConfig(sampler, steps=steps, guidance=args.guidance)
        return draw_pairs(model, batch, sampling, seed=0)[0]

    work = [(sampler, steps) for sampler in SAMPLERS for steps in args.calls]
    with progress_bar(total=1 + 1 + len(work), unit="run") as progress:
        converged = draw(CONVERGED.sampler, CONVERGED.steps)
        progress.update()
        distances = {}
        for one in [*work, (RELEASE.sampler, RELEASE.steps)]:
            distances[one] = (draw(*one) - converged).square().mean().sqrt().item()
            progress.update()
    table = [
        {"sampler": sampler} | {f"{steps} calls": distances[sampler, steps] for steps in args.calls}
        for sampler in SAMPLERS
    ]
    aim = distances[RELEASE.sampler, RELEASE.steps]
    notes = [f"{len(converged)} pairs, guidance {args.guidance:g}. DDIM of 50 steps: {aim:.4f}."]
    notes += [fewest(sampler, distances, aim) for sampler in SAMPLERS[1:]]
    report(f"solvers, guidance {args.guidance:g}", table, args.json, notes)


def parse_args():
    """The command line."""
    parser = Parser(__doc__)
    parser.add_argument("--checkpoint", required=True, help="trained weights: a checkpoint or run folder")
    parser.add_argument("--data", required=True, help="the data's root, with test_pairs.txt")
    parser.add_argument("--pairs", type=whole("--pairs", 1), default=12, help="test pairs, spread evenly (default: 12)")
    parser.add_argument("--guidance", type=number("--guidance", 0), default=2.0)
    parser.add_argument("--calls", type=whole("--calls", 5, 50), nargs="+", default=[8, 10, 12, 15, 20, 50])
    add_json_flag(parser)
    return parser.parse_args()


def some_pairs(root, model, count):
    """A batch of `count` of the test pairs below `root`, as a model sees them."""
    pairs = TestPairs(root, model.config.image_size, targets=False, resize=model.experiment.data.resize)
    count = min(count, len(pairs))
    return to_device(load_batch(pairs, [i * len(pairs) // count for i in range(count)]), device())


def fewest(sampler, distances, aim):
    """A sentence on the fewest calls with which a sampler comes as near as `aim`."""
    near = [steps for (name, steps), distance in distances.items() if name == sampler and distance <= aim]
    return f"{sampler} comes as near in {min(near)} calls." if near else f"{sampler} does not come as near."


if __name__ == "__main__":
    main()
