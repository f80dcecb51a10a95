#!/usr/bin/env bash
# Makes the stubs of the contract and runs Example.java with them; needs Maven and a JDK of 17 or later. On demand: `make
# test` does not run it.
#
#   tests/polyglot/java/run.sh ADDRESS OPERATOR_FILE
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
"$here/../../../scripts/stubs" java
exec mvn --quiet --batch-mode --file "$here/pom.xml" compile exec:java -Dexec.args="$*"
