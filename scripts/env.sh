# shellcheck shell=bash
# Sourced first by every script here: goes to the repository root, sees that the environment is complete
# (`setup_flags=--dev` beforehand asks for the test tools too), and exports PYTHON, its interpreter, and PYTHONPATH.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
bash setup.sh ${setup_flags:+"$setup_flags"}
source scripts/interpreter.sh

# Remove the pictures in the folder $1 if other weights than those in the file $2 have drawn them.
drop_stale() {
    local digest='import hashlib, sys; print(hashlib.file_digest(open(sys.argv[1], "rb"), "sha256").hexdigest())'
    [ ! -f "$1/settings.json" ] || grep -q "$("$PYTHON" -c "$digest" "$2")" "$1/settings.json" || rm -rf "$1"
}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
