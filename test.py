"""Draw the test pairs: each source's person in its target's pose.

    python test.py --checkpoint checkpoints/demo --data datasets/demo --out outputs/inference

Files that are already there are skipped, so the same command finishes what was broken off. `torchrun` shares the work
among processes. A picture depends on the weights, the pair and the seed alone.
"""

import dataclasses
import json
import logging
import time
from pathlib import Path

import torch
from accelerate import PartialState

from config.flags import Parser, whole
from config.sampling_flags import add_sampling_flags, sampling_settings
from data.dataset import TestPairs
from data.images import to_image, write_png
from data.levels import to_device
from data.loader import Loader
from data.pairs import result_name
from diffusion.drawing import batches_of, draw_pairs, filled
from diffusion.precision import compile_for_sampling
from evaluation.results import SETTINGS_FILE
from models.pose_transfer import PoseTransferModel
from models.pretrained import fetch, read_config, weights_file
from system.errors import InputError, command
from system.files import sha256_of, writable_folder, write_text
from system.machine import use_machine
from system.progress import progress_bar


@command
def main(arguments=None):
    """Parse the command line, check it, draw."""
    args = parse_args(arguments)
    checkpoint = fetch(args.checkpoint)
    sampling = sampling_settings(args, read_config(checkpoint).sampling)
    state = PartialState(cpu=not torch.cuda.is_available())
    use_machine()
    if not state.is_main_process:
        logging.disable(logging.WARNING)  # The main process says it for all.
    model = PoseTransferModel.from_pretrained(checkpoint)
    model.to(state.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (as torch documents it)
    if args.compile:
        compile_for_sampling(model)
    resize = model.experiment.data.resize
    pairs = TestPairs(args.data, model.config.image_size, targets=False, resize=resize)
    results = [result_name(*pair) for pair in pairs.pairs[: args.limit]]
    out = claim_folder(args.out, settings_of(checkpoint, sampling, args.seed, args.data, resize), state, args.replace)

    batches = batches_of(results, args.batch_size)[state.process_index :: state.num_processes]
    batches = [batch for batch in batches if not all((out / results[i]).is_file() for i in batch)]
    if args.compile:
        batches = [filled(batch, min(args.batch_size, len(results))) for batch in batches]
    if state.is_main_process:
        how = f"{sampling.sampler}, {sampling.steps} steps, guidance {sampling.guidance}, seed {args.seed}"
        print(f"{checkpoint}: {how}")
        print(f"{out}: {len(results)} pictures", flush=True)
    loader = Loader(pairs, args.workers, batches, setting="--workers")
    progress = progress_bar(loader, unit="batch", shown=state.is_main_process)
    began = time.monotonic()
    for batch in progress:
        images, _ = draw_pairs(model, to_device(batch, state.device), sampling, args.seed)
        for name, image, part in zip(batch["result"], images, batch["shown"].tolist(), strict=True):
            write_picture(to_image(image[:, part[0] : part[2], part[1] : part[3]]), out / name)
        if began and state.is_main_process:
            count = len(set(batch["result"]))
            print(f"{out}: the first {count} pictures took {time.monotonic() - began:.1f} s", flush=True)
        began = None
    state.wait_for_everyone()
    if state.is_main_process:
        print(f"{out}: all {len(results)} pictures are there")
    state.destroy_process_group()


def parse_args(arguments=None):
    """The command line."""
    parser = Parser(__doc__)
    parser.add_argument("--checkpoint", required=True, help="a checkpoint or run folder, a release file, or user/name")
    parser.add_argument("--data", required=True, help="the data's root: img/, pose/ and test_pairs.txt")
    parser.add_argument("--out", required=True, help="folder of the pictures")
    add_sampling_flags(parser)
    parser.add_argument("--compile", action="store_true", help="minutes before the first picture, less for each")
    parser.add_argument("--seed", type=whole("--seed", 0), default=0)
    parser.add_argument("--replace", action="store_true", help="remove pictures of other settings from --out first")
    parser.add_argument("--limit", type=whole("--limit", 1), help="draw the first pairs only")
    parser.add_argument("--batch-size", type=whole("--batch-size", 1), default=8)
    parser.add_argument("--workers", type=whole("--workers", 0), default=1, help="0 loads in this process")
    return parser.parse_args(arguments)


def settings_of(checkpoint, sampling, seed, data, resize):
    """All that the pictures depend on beside the pairs, name -> value."""
    digest = sha256_of(weights_file(checkpoint))
    where = str(Path(data).resolve())
    return {"weights": digest, **dataclasses.asdict(sampling), "seed": seed, "data": where, "resize": resize}


def claim_folder(path, settings, state, replace):
    """The folder `path`, with the settings noted in it.

    Pictures there that were drawn by others are removed with `replace`. Raises InputError for them without it, and
    for a folder that cannot be written.
    """
    note = Path(path) / SETTINGS_FILE
    if state.is_main_process:
        writable_folder(path)
        others = changed_settings(note, settings)
        if others and not replace:
            raise InputError(f"{path}: holds pictures of other settings ({', '.join(others)}); name another --out.")
        for picture in Path(path).glob("*_vis.png") if others else ():
            picture.unlink()
        text = json.dumps(settings, indent=2) + "\n"
        write_text(note, text)
    state.wait_for_everyone()
    return Path(path)


def changed_settings(note, settings):
    """Names of the settings that differ from those of the pictures beside the file `note`."""
    try:
        earlier = {"resize": "squeeze", **json.loads(note.read_text())}
        return [name for name in settings if earlier.get(name) != settings[name]]
    except FileNotFoundError:
        return ["program"] if any(note.parent.glob("*_vis.png")) else []
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{note}: expected the settings of the pictures beside it ({error}).") from error


def write_picture(picture, path):
    """Write a PNG; one that is there already stays."""
    if not path.is_file():
        write_png(path, picture)


if __name__ == "__main__":
    main()
