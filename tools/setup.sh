#!/usr/bin/env bash
# Says early and clearly what this machine lacks, and installs the pinned tools of package.json into node_modules.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "setup: $*" >&2
  exit 1
}

# at_least WANTED FOUND: compares dotted version numbers.
at_least() {
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$1" ]
}

need_node=20.0.0
need_rust=$(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' Cargo.toml)

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=linux-amd64 ;;
  Linux-aarch64 | Linux-arm64) platform=linux-arm64 ;;
  Darwin-arm64) platform=darwin-arm64 ;;
  Darwin-x86_64) platform=darwin-amd64 ;;
  *) fail "forge has no binary for $(uname -s) $(uname -m); expected Linux or macOS on x86-64 or arm64" ;;
esac

command -v node >/dev/null || fail "node is missing: install Node.js $need_node or newer"
node=$(node --version)
at_least "$need_node" "${node#v}" || fail "node is ${node#v}: expected $need_node or newer"
command -v npm >/dev/null || fail "npm is missing: it comes with Node.js"
command -v cargo >/dev/null || fail "cargo is missing: install Rust $need_rust or newer (stable)"
rust=$(cargo --version | cut -d ' ' -f 2)
at_least "$need_rust" "${rust%%-*}" || fail "Rust is ${rust%%-*}: expected $need_rust or newer (stable)"

# npm writes this file last, so it is newer than the lock exactly when the install is complete.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci --no-fund --no-audit || fail "npm could not install the tools that package-lock.json pins"
fi

for tool in forge anvil cast; do
  package="@foundry-rs/$tool-$platform"
  want=$(node -p "require('./package.json').optionalDependencies['$package']")
  # npm passes over an optional package that it cannot get, so the binary may be missing without a word.
  found=$("node_modules/.bin/$tool" --version 2>/dev/null | head -n 1) ||
    fail "$package $want is not installed or does not run: remove node_modules and try again"
  case "$found" in
    *" $want"*) ;;
    *) fail "$tool is '$found': expected $want" ;;
  esac
done

# A forge that swallows its exit code would turn every failing test green.
if node_modules/.bin/forge --no-such-flag >/dev/null 2>&1; then
  fail "forge exits with 0 on an error: its results cannot be trusted"
fi
