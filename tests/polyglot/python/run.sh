#!/usr/bin/env bash
# Makes the stubs of the contract and runs example.py with them.
#
#   tests/polyglot/python/run.sh ADDRESS OPERATOR_FILE
#
# `scripts/setup` has made the virtual environment with the packages of requirements.txt.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
python=${BAILIWICK_TOOLS:-$HOME/.cache/bailiwick/tools}/python/bin/python
root=$here/../../..
"$root/scripts/stubs" python
PYTHONPATH=$root/stubs/python PYTHONDONTWRITEBYTECODE=1 exec "$python" "$here/example.py" "$@"
