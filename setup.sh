#!/usr/bin/env bash
# Installs what this repository needs: `bash setup.sh`. `--pose` adds what finds poses in photos (--detect-pose of
# data/import_dataset.py), `--dev` that and the test tools.
#
# It goes into the active virtual or conda environment (never conda's base), else into .venv here. With an NVIDIA GPU,
# the CuPy that fits torch's CUDA comes along. What is installed already is skipped by a stamp, the hash
# of the requirement files and the interpreter, kept inside the environment. PIP_* variables and pip.conf apply.
#
# Where there is nvcc, it compiles the CUDA kernels of flow_ops/ too, once for each state of their source.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source scripts/interpreter.sh

say() { echo "setup: $*" >&2; }
fail() { echo "setup: $*" >&2; exit 1; }

python_is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Make .venv with the first Python that is new enough and can make environments.
make_environment() {
    local candidate
    for candidate in python3 python python3.11 python3.12 python3.13 python3.14; do
        if python_is_new_enough "$candidate" && "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            say "making $ENVIRONMENT with $("$candidate" --version)"
            "$candidate" -m venv --clear "$ENVIRONMENT"
            return
        fi
    done
    fail "python 3.11 or newer, with its venv module, is needed and was not found on PATH." \
        "Install it (Debian, Ubuntu: apt install python3 python3-venv), or activate an environment that has it."
}

ensure_environment() {
    if [ "$ENVIRONMENT" = "$PWD/.venv" ]; then
        "$PYTHON" -m pip --version >/dev/null 2>&1 || make_environment
    fi
    [ -x "$PYTHON" ] || fail "$ENVIRONMENT is the active environment, but it has no bin/python; repair it."
    python_is_new_enough "$PYTHON" || fail "$PYTHON is $("$PYTHON" --version 2>&1); python 3.11 or newer is needed."
}

# Run pip, its output kept back unless it fails.
quiet_pip() {
    local log
    log="$(mktemp)"
    if ! "$PYTHON" -m pip "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        fail "pip $* failed; its output is above."
    fi
    rm -f "$log"
}

# A part is base, dev or gpu; its stamp says which files and interpreter it was installed from.
stamp_of() { echo "$ENVIRONMENT/.setup-stamp-$1"; }
hash_of() {
    "$PYTHON" - setup.sh constraints.txt "$@" <<'PY'
import hashlib, pathlib, sys
files = [pathlib.Path(name).read_bytes() for name in sys.argv[1:]]
print(hashlib.sha256(repr([sys.version, sys.prefix, *files]).encode()).hexdigest())
PY
}
is_installed() { [ "$(cat "$(stamp_of "$1")" 2>/dev/null)" = "$2" ]; }

install_base() {
    say "installing $(grep '^torch==' requirements.txt), the largest part"
    quiet_pip install "$(grep '^torch==' requirements.txt)"
    say "installing the rest of requirements.txt"
    quiet_pip install -r requirements.txt
}

install_dev() {
    say "installing requirements-dev.txt"
    quiet_pip install -r requirements-dev.txt
}

install_pose() {
    say "installing requirements-pose.txt"
    quiet_pip install --no-deps -r requirements-pose.txt
}

install_gpu() {
    CUDA_MAJOR="$("$PYTHON" -c 'import torch; print((torch.version.cuda or "").split(".")[0])')"
    case "$CUDA_MAJOR" in
        12 | 13) ;;
        *) say "this torch has no CUDA 12 or 13, so CuPy is left out"; return ;;
    esac
    export CUDA_MAJOR
    say "NVIDIA GPU found: installing CuPy for CUDA $CUDA_MAJOR"
    quiet_pip install -r requirements-gpu.txt
}

# Not fatal: without the file that this makes, the kernels are compiled at their first use on a GPU.
build_kernels() {
    local stamp=flow_ops/_build/stamp hash log
    hash="$(hash_of flow_ops/kernels.cu flow_ops/kernels.py flow_ops/build.py)"
    [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ] && return
    say "compiling the CUDA kernels with nvcc"
    log="$(mktemp)"
    if "$PYTHON" -m flow_ops.build >"$log" 2>&1; then
        echo "$hash" >"$stamp"
    else
        cat "$log" >&2
        say "the CUDA kernels could not be compiled; it will be tried again at their first use on a GPU"
    fi
    rm -f "$log"
}

has_gpu() { nvidia-smi -L 2>/dev/null | grep -q '^GPU'; }

# install_part PART FILE.. : install it unless its stamp is fresh.
install_part() {
    local part="$1" hash
    shift
    hash="$(hash_of "$@")"
    is_installed "$part" "$hash" && return
    rm -f "$(stamp_of "$part")"
    "install_$part"
    fresh_stamps+=("$(stamp_of "$part")" "$hash")
}

# What rtmlib asks for, and the one OpenCV that is there does not satisfy.
HARMLESS='^rtmlib [0-9.]+ requires opencv-(contrib-)?python, which is not installed'

# Stamps are written after pip has found the whole environment consistent.
finish() {
    local conflicts
    if [ ${#fresh_stamps[@]} -eq 0 ]; then
        return
    fi
    if ! conflicts="$("$PYTHON" -m pip check 2>&1)" && conflicts="$(grep -vE "$HARMLESS" <<<"$conflicts")"; then
        echo "$conflicts" >&2
        [ "$ENVIRONMENT" != "$PWD/.venv" ] || fail "pip check found the conflicts above in $ENVIRONMENT."
        say "your environment holds the conflicts above; if one of them matters here, use an environment of its own"
    fi
    set -- "${fresh_stamps[@]}"
    while [ $# -gt 0 ]; do
        echo "$2" >"$1"
        shift 2
    done
}

dev=no pose=no
for option in "$@"; do
    case "$option" in
        --dev) dev=yes pose=yes ;;
        --pose) pose=yes ;;
        *) echo "error: $option: expected --pose or --dev" >&2; exit 2 ;;
    esac
done

ensure_environment
export PIP_CONSTRAINT="constraints.txt${PIP_CONSTRAINT:+ $PIP_CONSTRAINT}"
fresh_stamps=()
install_part base requirements.txt
[ "$pose" = no ] || install_part pose requirements-pose.txt
[ "$dev" = no ] || install_part dev requirements-dev.txt
if has_gpu; then
    install_part gpu requirements-gpu.txt
fi
finish
if command -v nvcc >/dev/null; then
    build_kernels
fi
say "$ENVIRONMENT is ready ($("$PYTHON" --version)$([ $SECONDS -lt 3 ] || echo ", $SECONDS s"))"
