# shellcheck shell=bash
# Sourced first by every script here: goes to the repository root, sees that the environment is complete
# (`setup_flags=--dev` beforehand asks for the test tools too), and exports PYTHON, its interpreter, and PYTHONPATH.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
bash setup.sh ${setup_flags:+"$setup_flags"}
source scripts/interpreter.sh
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
