"""A copy of the shell files to run, with an interpreter that only writes down pip's work and what it was to start."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHELL_FILES = [ROOT / "setup.sh", ROOT / ".ci/run", *sorted((ROOT / "scripts").glob("*.sh"))]
KERNELS = [ROOT / "flow_ops" / name for name in ("kernels.cu", "kernels.py", "build.py")]
REQUIREMENTS = [
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-gpu.txt",
    "requirements-pose.txt",
    "constraints.txt",
]

# Answers `-m pip` and the question for torch's CUDA version; leaves the rest to the real interpreter.
PYTHON = """#!/usr/bin/env bash
case "$*" in
    "-m pip "*)
        echo "$PIP_CONSTRAINT | ${CUDA_MAJOR:-} | ${*:3}" >>"$PIP_LOG"
        [ "$*" != "-m pip check" ] || [ -z "${CONFLICTS:-}" ] || { printf "$CONFLICTS"; exit 1; }
        [[ "$*" != *"${PIP_FAILS:-nothing}"* ]] ;;
    *torch.version.cuda*) echo 13 ;;
    *torch.cuda.device_count*) echo 2 ;;
    *"-m flow_ops.build"*)
        echo built >>"$BUILD_LOG"
        mkdir -p flow_ops/_build
        [ -z "${BUILD_FAILS:-}" ] || { echo "no such architecture"; exit 2; } ;;
    *train.py* | *test.py* | *synthetic.py* | *"-m evaluation"*) echo "$*" ;;
    *) exec REAL "$@" ;;
esac
"""
NVIDIA_SMI = """#!/usr/bin/env bash
echo "GPU 0: NVIDIA"
"""


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


class Machine:
    """A copy of the shell files, an active environment, and no GPU."""

    def __init__(self, folder):
        self.repository = folder / "a repository"
        self.pip_log = folder / "pip.log"
        self.environment = folder / "environment"
        (self.repository / "scripts").mkdir(parents=True)
        for file in [*SHELL_FILES, *KERNELS, *(ROOT / name for name in REQUIREMENTS)]:
            target = self.repository / file.relative_to(ROOT)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(file, target)
        write_program(self.environment / "bin/python", PYTHON.replace("REAL", sys.executable))
        self.programs = folder / "programs"
        self.programs.mkdir()
        foreign = ("CONDA", "VIRTUAL_ENV", "PIP_", "NPROC", "NNODES", "RDZV", "RESTARTS", "SLURM", "CUDA_MAJOR")
        self.variables = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        write_program(self.programs / "nvidia-smi", "#!/usr/bin/env bash\nexit 9\n")
        self.variables["PATH"] = f"{self.programs}:{self.variables['PATH']}"
        write_program(self.programs / "nvcc", "#!/usr/bin/env bash\n")
        self.build_log = folder / "build.log"
        self.variables |= {"VIRTUAL_ENV": str(self.environment), "PIP_LOG": str(self.pip_log)}
        self.variables["BUILD_LOG"] = str(self.build_log)

    def add_gpu(self):
        write_program(self.programs / "nvidia-smi", NVIDIA_SMI)

    def run(self, script, *arguments, **variables):
        return subprocess.run(
            ["bash", str(self.repository / script), *arguments],
            env=self.variables | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def pip(self):
        """What pip was asked to do since the last call."""
        lines = self.pip_log.read_text().splitlines() if self.pip_log.exists() else []
        self.pip_log.unlink(missing_ok=True)
        return lines
