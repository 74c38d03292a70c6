"""Draw the test pairs: each source's person in its target's pose.

    python test.py --checkpoint runs/demo_64 --data datasets/demo --out outputs/demo

Files that are already there are skipped, so the same command finishes what was broken off. `torchrun` shares the work
among processes. A picture depends on the weights, the pair and the seed alone.
"""

import argparse
import dataclasses
import hashlib
import json
import os
from pathlib import Path

import torch
from accelerate import PartialState
from tqdm import tqdm

from config.checks import SAMPLERS
from config.errors import InputError, command
from config.load import load_config
from data.dataset import TestPairs
from data.images import to_image
from data.loader import Loader
from data.pairs import result_name
from diffusion.checkpoints import resolve_checkpoint
from diffusion.samplers import guided, image_generators, initial_noise, make_scheduler, sample
from models.pose_transfer import CONFIG_FILE, WEIGHTS_FILE, PoseTransferModel


@command
def main():
    """Parse the command line, check it, draw."""
    args = parse_args()
    folder = resolve_checkpoint(args.checkpoint)
    sampling = sampling_settings(args, load_config(folder / CONFIG_FILE).sampling)
    state = PartialState(cpu=not torch.cuda.is_available())
    model = PoseTransferModel.from_pretrained(folder).to(state.device)
    pairs = TestPairs(args.data, model.config.image_size)
    results = [result_name(*pair) for pair in pairs.pairs[: args.limit]]
    out = claim_folder(args.out, settings_of(folder, sampling, args.seed), state)

    batches = unfinished_batches(results, out, args.batch_size)[state.process_index :: state.num_processes]
    finished = sum((out / result).is_file() for result in results)
    if state.is_main_process:
        print(f"{folder}: {sampling.sampler}, {sampling.steps} steps, guidance {sampling.guidance}, seed {args.seed}")
        print(f"{out}: {finished} of {len(results)} pictures are there already", flush=True)
    loader = Loader(pairs, args.workers, batch_sampler=batches)
    for batch in tqdm(loader, unit="batch", dynamic_ncols=True, disable=None if state.is_main_process else True):
        pictures = draw(model, batch, sampling, args.seed, state.device)
        for name, picture in zip(batch["result"], pictures, strict=True):
            write_picture(picture, out / name)
    state.wait_for_everyone()
    state.destroy_process_group()


def parse_args():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, help="a checkpoint folder, or a run folder: its newest one")
    parser.add_argument("--data", required=True, help="the data's root: img/, pose/ and test_pairs.txt")
    parser.add_argument("--out", required=True, help="folder of the pictures")
    parser.add_argument("--sampler", choices=SAMPLERS, help="default: as the checkpoint's config.yaml says")
    parser.add_argument("--steps", type=int, help="network calls per picture (two with guidance); default likewise")
    parser.add_argument("--clip", action=argparse.BooleanOptionalAction, help="hold each step's x_0 within [-1, 1]")
    parser.add_argument("--guidance", type=float, help="1 is the condition alone; default likewise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="draw the first pairs only")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1, help="processes that load; 0 loads in this one")
    args = parser.parse_args()
    for flag, least in (("steps", 1), ("guidance", 0), ("seed", 0), ("limit", 1), ("batch_size", 1), ("workers", 0)):
        value = getattr(args, flag)
        if value is not None and not value >= least:
            raise InputError(f"--{flag.replace('_', '-')}: expected {least} or more, got {value}.")
    return args


def sampling_settings(args, sampling):
    """The checkpoint's sampling settings, changed by what the command line gives."""
    for name in ("sampler", "steps", "clip", "guidance"):
        if getattr(args, name) is not None:
            setattr(sampling, name, getattr(args, name))
    if sampling.steps > 1000:
        raise InputError(f"--steps: expected at most 1000, got {sampling.steps}.")
    return sampling


def settings_of(folder, sampling, seed):
    """All that the pictures depend on beside the pairs, name -> value."""
    with open(folder / WEIGHTS_FILE, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"weights_sha256": digest, **dataclasses.asdict(sampling), "seed": seed}


def claim_folder(path, settings, state):
    """The folder `path`, with the settings noted in it. Raises InputError if its pictures were drawn by others."""
    note = Path(path) / "settings.json"
    if note.is_file():
        earlier = json.loads(note.read_text())
        others = [name for name in settings if earlier.get(name) != settings[name]]
        if others:
            raise InputError(f"{path}: holds pictures of other settings ({', '.join(others)}); name another --out.")
    elif state.is_main_process:
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            write_whole(note, lambda partial: partial.write_text(json.dumps(settings, indent=2) + "\n"))
        except OSError as error:
            raise InputError(f"{path}: expected a folder that can be written ({error.strerror}).") from error
    state.wait_for_everyone()
    return Path(path)


def unfinished_batches(results, out, batch_size):
    """Indices of the pairs in batches, less the batches of which all pictures are there.

    The batches are those of an unbroken run: numbers that depend on a batch's size in their last bit stay the same.
    """
    batches = [range(start, min(start + batch_size, len(results))) for start in range(0, len(results), batch_size)]
    return [list(batch) for batch in batches if not all((out / results[i]).is_file() for i in batch)]


def draw(model, batch, sampling, seed, device):
    """The pictures of a batch of TestPairs, as RGB images."""
    target_pose = batch["target_pose"].to(device)
    with torch.no_grad():
        condition = model.encode(batch["source_image"].to(device), batch["source_pose"].to(device), target_pose)
        denoise = guided(model, target_pose, condition, sampling.guidance)
        generators = image_generators(seed, batch["result"])
        noise = initial_noise(generators, model.config.image_size).to(device)
        images = sample(denoise, noise, make_scheduler(sampling.sampler, sampling.steps, sampling.clip), generators)
    return [to_image(image) for image in images]


def write_picture(picture, path):
    """Write a PNG; one that is there already stays."""
    if path.is_file():
        return
    try:
        write_whole(path, lambda partial: picture.save(partial, format="PNG"))
    except OSError as error:
        raise InputError(f"{path}: could not be written ({error.strerror or error}).") from error


def write_whole(path, write):
    """Have `write` fill a file of a temporary name, which then takes the name `path`."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        write(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
