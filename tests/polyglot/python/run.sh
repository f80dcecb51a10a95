#!/usr/bin/env bash
# Makes the stubs of the contract and runs example.py with them.
#
#   tests/polyglot/python/run.sh ADDRESS OPERATOR_FILE
#
# `scripts/setup` has made the virtual environment with the packages of requirements.txt.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
python=${BAILIWICK_TOOLS:-$HOME/.cache/bailiwick/tools}/python/bin/python
stubs=$(mktemp -d)
trap 'rm -r "$stubs"' EXIT

# The stubs of google/api come with googleapis-common-protos.
cd "$here/../../../proto"
find bailiwick -name '*.proto' -print0 |
    xargs -0 "$python" -m grpc_tools.protoc -I . --python_out="$stubs" --grpc_python_out="$stubs"
PYTHONPATH=$stubs PYTHONDONTWRITEBYTECODE=1 "$python" "$here/example.py" "$@"
