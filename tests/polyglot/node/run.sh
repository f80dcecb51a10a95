#!/usr/bin/env bash
# Runs example.js; it reads the contract itself, there are no stubs to make.
#
#   tests/polyglot/node/run.sh ADDRESS OPERATOR_FILE
#
# `scripts/setup` has installed the packages of package-lock.json.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
export NODE_PATH=${BAILIWICK_TOOLS:-$HOME/.cache/bailiwick/tools}/node/node_modules
exec node "$here/example.js" "$@"
