#!/usr/bin/env bash
# Makes the stubs of the contract and runs example.mjs with them.
#
#   tests/polyglot/node/run.sh ADDRESS OPERATOR_FILE
#
# `scripts/setup` has installed the packages of package-lock.json.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tools=${BAILIWICK_TOOLS:-$HOME/.cache/bailiwick/tools}
"$here/../../../scripts/stubs" node
# Packages are looked for from where a module lies.
run=$(mktemp -d)
trap 'rm -r "$run"' EXIT
ln -s "$tools/node/node_modules" "$run/node_modules"
cp -r "$here/../../../stubs/node" "$run/stubs"
cp "$here/example.mjs" "$run"
node "$run/example.mjs" "$@"
