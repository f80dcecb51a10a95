#!/usr/bin/env bash
# Makes the stubs of the contract and runs main.go with them.
#
#   tests/polyglot/go/run.sh ADDRESS OPERATOR_FILE
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
"$here/../../../scripts/stubs" go
cd "$here"
exec go run . "$@"
