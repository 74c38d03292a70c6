# shellcheck shell=bash
# Sourced from the repository root. Sets ENVIRONMENT, the Python environment in use, and PYTHON, its interpreter:
# the active virtual environment, else the active conda environment, else .venv here. Conda's base environment is shared
# by all of a person's work, so it is left alone.

if [ -n "${VIRTUAL_ENV:-}" ]; then
    ENVIRONMENT="$VIRTUAL_ENV"
elif [ -n "${CONDA_PREFIX:-}" ] && [ "${CONDA_DEFAULT_ENV:-}" != base ]; then
    ENVIRONMENT="$CONDA_PREFIX"
else
    ENVIRONMENT="$PWD/.venv"
fi
export PYTHON="$ENVIRONMENT/bin/python"
