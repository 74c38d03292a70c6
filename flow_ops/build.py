"""Compile the kernels ahead of time, into one file for all supported GPUs: python -m flow_ops.build

That needs nvcc and no GPU. Without nvcc nothing is lost: the kernels are compiled at their first use on a GPU.
"""

import re
import shutil
import subprocess

from config.flags import Parser
from flow_ops.kernels import ARCHITECTURES, FLAGS, SOURCE, built_file
from system.errors import InputError, command
from system.files import write_text, write_whole


@command
def main():
    """Build the file unless it is there, and say where it is."""
    parser = Parser(__doc__)
    parser.add_argument("--report", action="store_true", help="print registers and spilled bytes of each kernel")
    args = parser.parse_args()
    if not built_file().is_file():
        if not shutil.which("nvcc"):
            print("nvcc: not on PATH; the kernels will be compiled at their first use on a GPU")
            return
        build()
    report = read_report()
    if args.report:
        print_report(report)
    print(f"{built_file()}: compute capability {', '.join(f'{n / 10:.1f}' for n in architectures(report))}, and PTX")


def build():
    """Compile into `built_file()`, and what ptxas says of it beside. Raises InputError if nvcc fails.

    For those architectures that this nvcc knows, and as PTX of the oldest for all others.
    """
    known = subprocess.run(["nvcc", "--list-gpu-code"], capture_output=True, text=True, check=False).stdout.split()
    targets = [n for n in ARCHITECTURES if f"sm_{n}" in known]
    if not targets:
        raise InputError(f"nvcc: knows none of compute capability {', '.join(f'{n / 10:.1f}' for n in ARCHITECTURES)}")
    words = ["nvcc", "-O3", *FLAGS, "-fatbin", "-Xptxas", "-v", "--threads", "0", str(SOURCE)]
    words += [f"-gencode=arch=compute_{n},code=sm_{n}" for n in targets]
    words += [f"-gencode=arch=compute_{targets[0]},code=compute_{targets[0]}"]
    reports = []

    def compile_into(file):
        done = subprocess.run([*words, "-o", file.name], capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"nvcc: {done.stderr.strip() or 'failed without a word'}")
        reports.append(done.stderr)

    write_whole(built_file(), compile_into)
    write_text(_report_file(), reports[0])
    for other in built_file().parent.glob("kernels-*"):
        if other.stem != built_file().stem:
            other.unlink(missing_ok=True)


def read_report():
    """Kernel -> architecture -> (registers, spilled bytes) of the file that is built."""
    entry = re.compile(
        r"entry function '(\w+)' for 'sm_(\d+)'.*?"
        r"(\d+) bytes spill stores, (\d+) bytes spill loads.*?Used (\d+) registers",
        re.DOTALL,
    )
    table = {}
    for kernel, architecture, stores, loads, registers in entry.findall(_report_file().read_text()):
        table.setdefault(kernel, {})[int(architecture)] = int(registers), int(stores) + int(loads)
    return table


def architectures(table):
    """Those that a report is of, in their order."""
    return sorted({n for columns in table.values() for n in columns})


def print_report(table):
    """Registers of each kernel on each architecture, and spilled bytes over all."""
    print(f"{'registers':28}" + "".join(f"{f'sm_{n}':>8}" for n in architectures(table)) + "  spilled")
    for kernel, columns in sorted(table.items()):
        registers = "".join(f"{columns[n][0]:8}" for n in architectures(table))
        print(f"{kernel:28}{registers}{sum(spilled for _, spilled in columns.values()):9}")


def _report_file():
    return built_file().with_suffix(".txt")


if __name__ == "__main__":
    main()
