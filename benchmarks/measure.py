"""What the benchmarks share: timing in turns, work and memory, the machine's name, tables, and --json.

Machines are shared and their speed drifts, so what is compared is timed in turns within one run, and told as a
ratio. A table is Markdown; `--json` also keeps it in benchmarks/results/MACHINE.json, a section per benchmark.
"""

import contextlib
import datetime
import json
import multiprocessing
import os
import platform
import re
import shlex
import statistics
import sys
import time
from pathlib import Path

import torch
from torch.profiler import profile
from torch.utils.flop_counter import FlopCounterMode

from config.checks import PRECISIONS
from config.flags import size, whole
from system.files import write_text
from system.machine import peak_memory, usable_cores

RESULTS = Path(__file__).resolve().parent / "results"


def in_turns(calls, runs, warmup=1):
    """Median seconds of each call: `runs` rounds of all of them, after `warmup` rounds that are not counted.

    calls: name -> function of no arguments, or of an `Apart`, whose own clock counts. Waits for a GPU's work.
    """
    seconds = {name: [] for name in calls}
    for number in range(warmup + runs):
        for name, call in calls.items():
            taken = call.seconds() if isinstance(call, ApartCall) else timed(call)
            if number >= warmup:
                seconds[name].append(taken)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


class Apart:
    """An object in a process of its own: what it does to memory, and to torch's settings, stays there.

    `make(*arguments)` makes it, both from modules. `object.call("method", ..)` returns what the method does;
    `object.timed("method")` is for `in_turns`. Close it by a `with` statement.
    """

    def __init__(self, make, *arguments):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        theirs.close()
        self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._pipe.close()
        self._process.join()

    def call(self, method, *arguments):
        """What a method returns."""
        return self._ask(method, arguments)[1]

    def timed(self, method):
        """A method, to be timed."""
        return ApartCall(lambda: self._ask(method, ())[0])

    def peak_gigabytes(self):
        """10^9 bytes at most in use by the process so far."""
        return self._ask(None, ())[1]

    def _ask(self, method, arguments):
        self._pipe.send((method, arguments))
        return self._answer()

    def _answer(self):
        try:
            return self._pipe.recv()
        except EOFError:
            raise RuntimeError("a process that was being measured ended; its error is above") from None


class ApartCall:
    """A call elsewhere; `seconds()` makes it and says how long it took."""

    def __init__(self, seconds):
        self.seconds = seconds


def _serve(pipe, make, arguments):
    made = make(*arguments)
    pipe.send(None)
    with contextlib.suppress(EOFError):
        while True:
            method, given = pipe.recv()
            call, out = getattr(made, method) if method else peak_gigabytes, []
            seconds = timed(lambda call=call, given=given, out=out: out.append(call(*given)))
            pipe.send((seconds, out[0]))


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


def peak_gigabytes():
    """10^9 bytes at most in use by this process so far: of the GPU where there is one, else resident."""
    return peak_memory() * 2**30 / 1e9


def profiled(call):
    """A table of what a call spends its time on."""
    with profile() as profiler:
        call()
    by = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    return profiler.key_averages().table(sort_by=by, row_limit=20, max_name_column_width=50)


def machine():
    """What the figures were measured on, name -> value; "name" is that of the results' file."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    processor = gpu or f"{_processor()} {usable_cores()} cores"
    return {
        "name": re.sub(r"[^a-z0-9]+", "-", processor.lower()).strip("-"),
        "processor": processor,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def add_network_flags(parser):
    """Let the parser of a benchmark of the networks take what they have in common, --json too."""
    parser.add_argument("--size", type=size("--size", 64), default=(256, 256), help="HEIGHTxWIDTH (default: 256x256)")
    parser.add_argument("--runs", type=whole("--runs", 1), default=3, help="of which the median is told (default: 3)")
    parser.add_argument("--precision", choices=PRECISIONS, default="no", help="measure this one, too")
    parser.add_argument("--compile", action="store_true", help="measure compiled networks, too")
    parser.add_argument("--profile", action="store_true", help="print what a step spends its time on")
    add_json_flag(parser)


def add_json_flag(parser):
    """Let a benchmark's parser take --json."""
    parser.add_argument("--json", action="store_true", help=f"keep the table in {RESULTS.name}/MACHINE.json, too")


def report(benchmark, table, keep, notes=()):
    """Print a table, a list of rows, each a dict column -> text or number; with `keep`, store it as a section.

    notes: sentences that belong to it.
    """
    here, date = machine(), datetime.datetime.now(datetime.UTC).date().isoformat()
    command = shlex.join(["python", os.path.relpath(sys.argv[0]), *sys.argv[1:]])
    print(f"{here['processor']}, {here['threads']} threads, torch {here['torch']}, {date}: {command}\n")
    print(markdown(table))
    for note in notes:
        print(f"\n{note}")
    if keep:
        path = RESULTS / f"{here['name']}.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        kept[benchmark] = {"date": date, "command": command, "machine": here, "table": table, "notes": list(notes)}
        write_text(path, f"{json.dumps(kept, indent=1)}\n")
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
    except OSError:
        text = ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    return name[1] if name else platform.processor() or platform.machine()


def _synchronize():
    if torch.cuda.is_available():
        torch.cuda.synchronize()
