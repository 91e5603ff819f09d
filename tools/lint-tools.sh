#!/usr/bin/env bash
# Runs a tool of `make lint` or `make mutants` in the version pinned here: tools/lint-tools.sh NAME ARGUMENT…
# What is not installed yet is built first, which takes a minute or two, once: into cargo's own home, where all checkouts
# find it, and where it replaces no other version. Built without optimization, it is ready sooner than it could repay.
set -euo pipefail

case "${1-}" in
  cargo-deny) crate=cargo-deny version=0.20.2 ;;
  typos) crate=typos-cli version=1.49.0 ;; # the newest for Rust 1.94
  cargo-cyclonedx) crate=cargo-cyclonedx version=0.5.9 ;;
  cargo-mutants) crate=cargo-mutants version=27.1.0 ;;
  *)
    echo "lint-tools: expected cargo-cyclonedx, cargo-deny, cargo-mutants or typos, got '${1-}'" >&2
    exit 2
    ;;
esac
tool=$1
shift

directory=${CARGO_HOME:-$HOME/.cargo}/chequebook-tools/$crate-$version
if [ ! -x "$directory/$tool" ]; then
  echo "lint-tools: $crate $version is not in $directory: building it there (once)" >&2
  mkdir -p "$directory"
  build=$(mktemp -d "$directory/build.XXXXXX")
  trap 'rm -rf "$build"' EXIT
  CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$build/target \
    cargo install --quiet --locked --debug --no-track --root "$build" --version "=$version" "$crate" >&2 || {
    echo "lint-tools: cargo could not install $crate $version; 'make lint' or 'make mutants' needs it, 'make test' does not" >&2
    exit 1
  }
  mv -f "$build/bin/$tool" "$directory/$tool" # at once, so that nobody runs half of it
  rm -rf "$build"
  trap - EXIT
fi
exec "$directory/$tool" "$@"
