#!/usr/bin/env bash
# Builds contracts/ twice from scratch, here and in a copy of the tree at another path, and fails unless every artifact is
# the same in both, byte for byte, and is what is committed, which comes from a build together with the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

here=$PWD
first=$here/cache/reproducible
second=$(mktemp -d "${TMPDIR:-/tmp}/chequebook.XXXXXX")
trap 'rm -rf "$second"' EXIT

# build OUTPUT: builds the contracts of the current directory, without tests and scripts.
build() {
  rm -rf "$1"
  FOUNDRY_TEST=test/none FOUNDRY_SCRIPT=test/none FOUNDRY_OUT=$1/out FOUNDRY_CACHE_PATH=$1/cache \
    forge build contracts --force --quiet
  rm -r "$1/out/build-info" # names the path
}

build "$first"

mkdir "$second/tools"
cp -R contracts foundry.toml "$second"
cp tools/solc.mjs "$second/tools"
ln -s "$here/node_modules" "$second/node_modules"
(cd "$second" && build "$second/built")

if ! diff -rq "$first/out" "$second/built/out" >&2; then
  echo 'reproducible: two builds of the same sources differ' >&2
  exit 1
fi
FOUNDRY_OUT=$first/out node tools/bindings.mjs --check
echo "reproducible: two builds gave the same $(find "$first/out" -name '*.json' | wc -l | tr -d ' ') files"
