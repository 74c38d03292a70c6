"""What the full network costs on this machine: a training step, with and without gradient checkpointing, and a DDIM
picture at 256 x 256.

    python benchmarks/cost_256.py [--steps 50]

Random weights, random inputs, config/deepfashion_256.yaml with pixels in place of VGG-19. Prints seconds and the peak
resident memory of each, measured in a process of its own.
"""

import multiprocessing
import resource
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.errors import command
from config.flags import Parser, whole
from config.load import load_config
from diffusion.gaussian import STEPS, GaussianDiffusion
from diffusion.samplers import guided, image_generators, initial_noise, make_scheduler, sample
from diffusion.training_loss import flow_loss
from models.pose_transfer import PoseTransferModel

CONFIG = Path(__file__).resolve().parents[1] / "config" / "deepfashion_256.yaml"


@command
def main():
    """Measure one after the other and print."""
    parser = Parser(__doc__)
    parser.add_argument("--steps", type=whole("--steps", 1, 1000), default=50, help="of DDIM, two network calls each")
    args = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    for measured, what in ((training_step, (False,)), (training_step, (True,)), (picture, (args.steps,))):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            title, seconds, gigabytes = pool.apply(measured, what)
        print(f"{title}: {seconds:.1f} s, peak memory {gigabytes:.1f} GB", flush=True)


def training_step(recompute):
    """Forward, backward and Adam of one pair in both directions; the second step, whose buffers exist."""
    config = load_config(CONFIG, ["loss.features=pixels"])
    model, diffusion, losses = PoseTransferModel(config.model), GaussianDiffusion(), flow_loss(config)
    if recompute:
        model.recompute_blocks()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-5, fused=True)
    for _ in range(2):
        start = time.perf_counter()
        x_0, source = torch.rand(2, 2, 3, 256, 256) * 2 - 1
        noise = torch.randn(2, 3, 256, 256)
        poses, t = torch.rand(2, 2, 20, 256, 256), torch.randint(STEPS, (2,))
        x_t = diffusion.q_sample(x_0, t, noise)
        prediction, condition = model(x_t, t, source, *poses, torch.tensor([True, True]))
        mse, vb = diffusion.losses(prediction, x_0, x_t, t, noise)
        correctness, affine = losses(condition.flows, source, x_0)
        (mse.mean() + vb.mean() + correctness + 0.0025 * affine).backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds = time.perf_counter() - start
    title = "training step, one pair in both directions"
    return f"{title}, training.gradient_checkpointing" if recompute else title, seconds, _peak()


def picture(steps):
    """One guided picture, encoding included."""
    model = PoseTransferModel(load_config(CONFIG).model).eval()
    source, poses = torch.rand(1, 3, 256, 256) * 2 - 1, torch.rand(2, 1, 20, 256, 256)
    start = time.perf_counter()
    with torch.no_grad():
        condition = model.encode(source, *poses)
        noise = initial_noise(image_generators(0, ["picture"]), (256, 256))
        sample(guided(model, poses[1], condition, 2.0), noise, make_scheduler("ddim", steps, clip=False))
    return f"picture, DDIM {steps} steps with guidance", time.perf_counter() - start, _peak()


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
