#!/usr/bin/env bash
# Checks of the crate that applications use: each set of features builds, few dependencies, no TLS, and it can be published.
set -euo pipefail
cd "$(dirname "$0")/.."

most=240

for features in "" client redb; do
  echo "features '$features'"
  cargo clippy --quiet --locked -p chequebook --no-default-features --features "$features" --lib --tests -- --deny warnings
done

packages=$(cargo tree --locked -p chequebook -e normal --prefix none | cut -d ' ' -f 1,2 | sort -u)
count=$(wc -l <<<"$packages")
echo "dependencies $count, at most $most"
[ "$count" -le "$most" ] || exit 1
if grep -E '^(rustls|native-tls|openssl|openssl-sys|aws-lc-rs|ring) ' <<<"$packages"; then
  echo "TLS is the choice of the application: expected none of these" >&2
  exit 1
fi

# What was not committed yet is checked, too.
cargo package --quiet --locked --allow-dirty -p chequebook
