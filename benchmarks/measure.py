"""What the benchmarks share: timing in turns, work and memory, the machine's name, tables, and --json.

Machines are shared and their speed drifts, so what is compared is timed in turns within one process, and told as a
ratio. A table is Markdown; `--json` also keeps it in benchmarks/results/MACHINE.json, a section per benchmark.
"""

import datetime
import json
import multiprocessing
import os
import platform
import re
import resource
import shlex
import statistics
import sys
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from data.files import write_whole

RESULTS = Path(__file__).resolve().parent / "results"


def in_turns(calls, runs, warmup=1):
    """Median seconds of each call, name -> function of no arguments: `runs` rounds of all of them, after a warm-up.

    Waits for a GPU's work. `warmup` rounds are not counted.
    """
    seconds = {name: [] for name in calls}
    for number in range(warmup + runs):
        for name, call in calls.items():
            taken = timed(call)
            if number >= warmup:
                seconds[name].append(taken)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def timed(call):
    """Seconds of one call, the GPU's work included."""
    _synchronize()
    start = time.perf_counter()
    call()
    _synchronize()
    return time.perf_counter() - start


def gigaflop(call):
    """10^9 floating-point operations of a call in convolutions and matrix products, two per multiply-add."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() / 1e9


def in_process(function, *arguments):
    """What a function of a module returns, called in a process of its own: its peak memory is its alone."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def peak_gigabytes():
    """10^9 bytes at most in use by this process so far: of the GPU where there is one, else resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def machine():
    """What the figures were measured on, name -> value; "name" is that of the results' file."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processor = gpu or f"{_processor()} {cores} cores"
    return {
        "name": re.sub(r"[^a-z0-9]+", "-", processor.lower()).strip("-"),
        "processor": processor,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def add_json_flag(parser):
    """Let a benchmark's parser take --json."""
    parser.add_argument("--json", action="store_true", help=f"keep the table in {RESULTS.name}/MACHINE.json, too")


def report(benchmark, table, keep, notes=()):
    """Print a table, a list of rows, each a dict column -> text or number; with `keep`, store it as a section.

    notes: sentences that belong to it.
    """
    here, date = machine(), datetime.date.today().isoformat()
    command = shlex.join(["python", os.path.relpath(sys.argv[0]), *sys.argv[1:]])
    print(f"{here['processor']}, {here['threads']} threads, torch {here['torch']}, {date}: {command}\n")
    print(markdown(table))
    for note in notes:
        print(f"\n{note}")
    if keep:
        path = RESULTS / f"{here['name']}.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        kept[benchmark] = {"date": date, "command": command, "machine": here, "table": table, "notes": list(notes)}
        write_whole(path, lambda file: file.write(f"{json.dumps(kept, indent=1)}\n".encode()))
        print(f"\n{path}: kept as {benchmark}")


def markdown(table):
    """A Markdown table of rows, each a dict column -> text or number; numbers are shown with three digits."""
    columns = list(dict.fromkeys(column for row in table for column in row))
    cells = [[_cell(row.get(column, "")) for column in columns] for row in table]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    lines = [columns, ["-" * width for width in widths], *cells]
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)


def _cell(value):
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def _processor():
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return re.search(r"^model name\s*:\s*(.+)$", text, re.M)[1]
    except (OSError, TypeError):
        return platform.processor() or platform.machine()


def _synchronize():
    if torch.cuda.is_available():
        torch.cuda.synchronize()
