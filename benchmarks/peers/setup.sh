#!/bin/sh
# Makes the virtual environment that compare.py runs the other libraries in: about
# 6 GB, in .venv beside this file or in the folder given.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${1:-$here/.venv}
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet -r "$here/requirements.txt"
echo "$venv"
