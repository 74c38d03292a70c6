"""The flags by which a command line changes how pictures are drawn."""

import argparse
import dataclasses

from config.checks import PRECISIONS, SAMPLERS, validate_sampling
from config.flags import number, whole


def add_sampling_flags(parser):
    """Add a flag for each field of config.schema.SamplingConfig; what is not given is None."""
    parser.add_argument("--sampler", help=f"{', '.join(SAMPLERS)}; default: as the checkpoint's config.yaml says")
    parser.add_argument("--steps", type=whole("--steps", 1, 1000), help="of the sampler")
    parser.add_argument(
        "--start", type=whole("--start", 100, 999), help="begin at this t, from the source photo noised"
    )
    parser.add_argument("--clip", action=argparse.BooleanOptionalAction, help="hold each step's x_0 within [-1, 1]")
    parser.add_argument("--guidance", type=number("--guidance", 0), help="1 is the condition alone")
    parser.add_argument(
        "--guidance-interval", type=whole("--guidance-interval", 0, 999), nargs=2, metavar=("LOWEST", "HIGHEST"),
        help="the times t that are guided; at others the condition alone is followed, for half the work",
    )  # fmt: skip
    parser.add_argument("--precision", help=f"{', '.join(PRECISIONS)}; no is exact float32")


def sampling_settings(args, sampling):
    """A checkpoint's SamplingConfig, changed by what the command line gives. Raises InputError for what cannot be."""
    given = {field.name: getattr(args, field.name) for field in dataclasses.fields(sampling)}
    changed = dataclasses.replace(sampling, **{name: value for name, value in given.items() if value is not None})
    validate_sampling(changed, prefix="--")
    return changed
