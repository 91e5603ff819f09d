#!/usr/bin/env bash
# Checks of the crates that applications use: each set of features builds as a dependency, with few dependencies and no
# TLS, and they can be published.
set -euo pipefail
cd "$(dirname "$0")/.."

dependants=tools/dependants/Cargo.toml

# most PACKAGE LIMIT: fails if a user gets more than LIMIT packages.
most() {
  local packages count
  packages=$(cargo tree --locked --manifest-path "$dependants" -p "$1" -e normal --prefix none | awk '{print $1,$2}' | sort -u)
  count=$(($(wc -l <<<"$packages") - 1)) # without the user
  echo "dependant $1: $count packages, at most $2"
  [ "$count" -le "$2" ] || exit 1
  if grep -E '^(rustls|native-tls|openssl|openssl-sys|aws-lc-rs|ring) ' <<<"$packages"; then
    echo "TLS is the choice of the application: expected none of these" >&2
    exit 1
  fi
}

# Not all at once: what one needs, another would get, too.
for dependant in tools/dependants/*/; do
  dependant=$(basename "$dependant")
  CARGO_TARGET_DIR=target/dependants RUSTFLAGS='--deny warnings' \
    cargo check --quiet --locked --manifest-path "$dependants" -p "$dependant"
done
most cheques 90
most provider 200
most wallet-redb 220

# What was not committed yet is checked, too.
# Cargo unpacks a package once for each path of its temporary registry. So another content needs another path, or the wallet
# is built with the old one.
content=$(find rust-client -type f -print0 | sort -z | xargs -0 cat | git hash-object --stdin)
mkdir -p target/packages
find target/packages -mindepth 1 -maxdepth 1 ! -name "$content" -exec rm -rf {} +
cargo package --quiet --locked --allow-dirty --target-dir "target/packages/$content" -p chequebook -p chequebook-wallet
