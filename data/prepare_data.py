"""Brings every image that a pair file names to one size and writes them into an LMDB.

    python data/prepare_data.py --root ROOT --out OUT [--size 256x256] [--resize squeeze] [--workers N] [--skip-bad]

The data base is the folder OUT/HEIGHT-WIDTH. It appears under that name when it is complete; the same command again
goes on from an interrupted run, or adds the images of pair files that have grown.
"""

import io
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PIL.PngImagePlugin import PngInfo

from config.checks import RESIZES
from config.flags import Parser, size, whole
from data.images import read_rgb
from data.pairs import lmdb_key, read_pairs
from data.resize import fit
from data.store import PHOTO_TEXT
from data.store_writer import StoreWriter
from system.errors import InputError, command
from system.progress import progress_bar

CHUNK = 256  # Images per transaction; at most this much work is lost to a crash.


@command
def main(arguments=None):
    """Run the command line; returns the exit code: 0, or 1 where images could not be used."""
    options = _parse(arguments)
    images = named_images(options.root)
    with StoreWriter(options.out, options.size, len(images), options.resize) as writer:
        keys, whole = writer.keys()
        todo = {key: image for key, image in images.items() if key not in keys}
        if whole and not todo:
            print(f"{writer.path} is complete: all {len(images)} images are there.")
            return 0
        bad = _convert_all(writer, options, todo, len(images))
        _report(bad)
        if bad and not options.skip_bad:
            remedy = "mend them and run the same command again, or leave them out with --skip-bad"
            print(f"error: {writer.path} was not finished for these {len(bad)} images: {remedy}", file=sys.stderr)
            return 1
        if not whole or len(bad) < len(todo):
            writer.finish(left_out=bad)
        left_out = f", {len(bad)} left out; training leaves them out too" if bad else ""
        print(f"{writer.path} is complete: {len(images) - len(bad)} images{left_out}.")
    return 0


def _parse(arguments):
    parser = Parser(__doc__)
    parser.add_argument("--root", required=True, help="holds img/, train_pairs.txt and test_pairs.txt")
    parser.add_argument("--out", required=True, help="where the data base goes")
    parser.add_argument("--size", type=size("--size"), default=(256, 256), help="height x width (default: 256x256)")
    parser.add_argument(
        "--resize", choices=RESIZES, default="squeeze",
        help="the aspect is not kept, white bars are added, or the middle is cut out; data.resize in training",
    )  # fmt: skip
    parser.add_argument("--workers", type=whole("--workers", 1), default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be read")
    return parser.parse_args(arguments)


def named_images(root):
    """Every image that a pair file below `root` names: {LMDB key: (image, FILE:LINE that names it first)}."""
    images = {}
    for pair in read_pairs(root, "train") + read_pairs(root, "test"):
        for image in (pair.target, *pair.sources):
            known, where = images.setdefault(lmdb_key(image), (image, pair.where))
            if known != image:
                raise InputError(f"{pair.where}: {image} differs only in its ending from {known} ({where})")
    return images


def _convert_all(writer, options, todo, total):
    """Write the images of `todo`; returns {key: what is wrong} of those that cannot be used."""
    bad = {}
    tasks = (
        (key, os.path.join(options.root, image), where, options.size, options.resize)
        for key, (image, where) in todo.items()
    )
    bar = progress_bar(what=str(writer.path), unit="image", total=total, initial=total - len(todo))
    with bar, ProcessPoolExecutor(options.workers, initializer=_start_worker) as pool:
        try:
            for results in _ahead(pool, tasks):
                bad |= {key: fault for key, _, fault in results if fault}
                writer.write([(key, value) for key, value, fault in results if not fault])
                bar.update(len(results))
        except BrokenProcessPool as error:
            raise InputError("--workers: a worker died, perhaps for want of memory; try fewer") from error
        finally:
            pool.shutdown(cancel_futures=True)
    return bad


def _ahead(pool, tasks):
    """The results of `tasks` in chunks. While one chunk is written, the workers are at the next."""
    waiting = None
    while chunk := list(itertools.islice(tasks, CHUNK)):
        submitted = pool.map(convert, chunk, chunksize=4)
        if waiting is not None:
            yield list(waiting)
        waiting = submitted
    if waiting is not None:
        yield list(waiting)


def convert(task):
    """(key, path, where, size, resize) -> (key, PNG bytes, None), or (key, None, what is wrong). Runs in a worker."""
    key, path, where, size, resize = task
    try:
        photo = read_rgb(path)
    except InputError as error:
        return key, None, f"{error}, named in {where}"
    text = PngInfo()
    if resize != "squeeze":
        text.add_text(PHOTO_TEXT, f"{photo.height}x{photo.width}")
    file = io.BytesIO()
    fit(photo, size, resize).save(file, "PNG", pnginfo=text)
    return key, file.getvalue(), None


def _start_worker():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process.
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent():
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _report(bad):
    for fault in bad.values():
        print(fault, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
