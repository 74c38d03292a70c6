"""How fast `python -m evaluation` scores pixels, and in how much memory.

    python benchmarks/scoring.py --out DIR [--pairs 8570]

Makes a set of that many pairs from a few hundred drawn photos of DeepFashion's size, hard-linked under many names, with
slightly blurred photos at 256 x 256 as results, runs the command on it, and prints the time and the peak memory of all
its processes together. 8,570 is the number of DeepFashion's test pairs.
"""

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
from PIL import ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import Parser, whole
from data import synthetic
from data.images import read_rgb, squeeze
from data.pairs import result_name
from system.errors import InputError, command

ROOT = Path(__file__).resolve().parents[1]
PHOTO, RESULT = (1101, 750), (256, 256)  # Height, width.
PEOPLE, POSES = 30, 8


@command
def main():
    """Make the set unless it is there, score it, and print."""
    parser = Parser(__doc__)
    parser.add_argument("--out", required=True, help="a folder; a set in it with as many pairs is used again")
    parser.add_argument("--pairs", type=whole("--pairs", POSES), default=8_570)
    args = parser.parse_args()
    out = Path(args.out)
    make_set(out, args.pairs)
    words = ["--generated", out / "generated", "--data", out / "root", "--out", out / "scores", "--protocol", "pidm"]
    load, started, used = os.getloadavg()[0], time.monotonic(), cores_time()
    process = subprocess.Popen(
        [sys.executable, "-m", "evaluation", *map(str, words), "--metrics", "ssim", "psnr", "l1"], cwd=ROOT
    )
    peak = watch(process)
    spent = time.monotonic() - started
    print(f"{args.pairs:,} pairs in {spent:.0f} s, {args.pairs / spent:.1f} a second on {os.cpu_count()} cores")
    print(f"time on the cores: {cores_time() - used:.0f} s; load of the machine before it: {load:.1f}")
    print(f"peak memory of all its processes together: {peak / 1e9:.2f} GB")
    sys.exit(process.returncode)


def cores_time():
    """Seconds that processes which this one started, and which have ended, spent on the cores."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def make_set(out, count):
    """`root` and `generated` below `out`: `count` pairs of `PEOPLE` drawn people under as many names as it takes."""
    done = out / "pairs"
    if done.is_file() and done.read_text() == str(count):
        return
    if out.exists() and any(out.iterdir()) and not done.is_file():
        raise InputError(f"--out {out}: holds other things; expected a new folder, or one of this program's")
    for part in ("drawn", "root", "generated", "scores"):
        shutil.rmtree(out / part, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    done.write_text("unfinished")
    synthetic.generate(out / "drawn", identities=PEOPLE, poses=POSES)
    photos = [out / "drawn" / name for person in range(PEOPLE) for name in synthetic.image_names(0, person, POSES)]
    for photo in photos:
        large = squeeze(read_rgb(photo), PHOTO)
        large.save(photo, quality=90)
        squeeze(large, RESULT).filter(ImageFilter.GaussianBlur(1)).save(photo.with_suffix(".png"))
    names = [f"img/WOMEN/Dresses/id_{n // POSES:08d}/01_{n % POSES + 1}_front.jpg" for n in range(count)]
    (out / "generated").mkdir()
    pairs = []
    for n, target in enumerate(names):
        photo = photos[n % len(photos)]
        source = names[(n + 1) % count]
        link(photo, out / "root" / target)
        link(photo.with_suffix(".png"), out / "generated" / result_name(source, target))
        pairs.append(f"{target},{source}\n")
    (out / "root" / "test_pairs.txt").write_text("".join(pairs))
    done.write_text(str(count))


def link(path, name):
    """Give a file a further name."""
    name.parent.mkdir(parents=True, exist_ok=True)
    name.hardlink_to(path)


def watch(process):
    """The peak of the resident memory of a process and its children, in bytes, until it ends."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident(psutil.Process(process.pid)))
        time.sleep(0.2)
    return peak


def resident(process):
    """Resident bytes of a process and all below it. Pages that they share count for each."""
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # It ended meanwhile; the next look counts what is there.
    return total


if __name__ == "__main__":
    main()
