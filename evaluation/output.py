"""The folder that keeps a scoring: metrics.json, per_image.csv and examples.png."""

import json
import os
from pathlib import Path

from data.images import write_png
from evaluation.record import per_image_csv, plain, record_json
from system.errors import InputError
from system.files import writable_folder, write_text

FILES = ("per_image.csv", "examples.png", "metrics.json")
# The flags that say what the scores are of.
SETTING = ("generated", "compare", "data", "protocol", "metrics", "fid_reference", "copy_source", "limit")


def output_folder(out, folders, protocol, inputs=()):
    """The folder for a scoring of the folders `folders`: `out`, or one beside the first; it is made if need be.

    Raises InputError where it cannot be written, or lies within one of `folders` or `inputs`, whose pictures are read.
    """
    if out is None:
        first = Path(os.path.normpath(folders[0]))
        first = first if first.name not in ("", "..") else first.resolve()
        out = first.with_name(f"{first.name}_scores") / (f"{protocol.name}_compared" if folders[1:] else protocol.name)
    out = Path(out)
    refuse_input(out, (*folders, *inputs))
    writable_folder(out)
    for name in FILES:
        if (out / name).is_dir():
            raise InputError(f"{out / name}: expected a file or nothing, got a folder")
    return out


def refuse_input(out, folders):
    """Raise InputError if `out`, where something will be written, lies within one of the folders that are read."""
    for folder in folders:
        if Path(out).resolve().is_relative_to(Path(folder).resolve()):
            raise InputError(f"{out}: lies within {folder}, whose pictures are read; choose another folder")


def refuse_other_flags(out, flags):
    """Raise InputError if the folder `out` holds scores of other things than `flags`, name -> value, say."""
    try:
        earlier = json.loads((out / "metrics.json").read_text())["flags"]
        others = [f"--{name.replace('_', '-')}" for name in SETTING if earlier.get(name) != plain(flags[name])]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{out / 'metrics.json'}: expected scores, got something else ({error})") from error
    if others:
        raise InputError(f"{out}: holds scores of another {', '.join(others)}; choose another folder by --out")


def save(report, out, flags):
    """Write FILES into the folder `out`, each one whole."""
    from evaluation.examples import examples_picture  # Imports torch, which takes a while.

    write_text(out / "per_image.csv", per_image_csv(report))
    write_text(out / "metrics.json", record_json(report, flags))
    examples = examples_picture(report)
    write_png(out / "examples.png", examples)
