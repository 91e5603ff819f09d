#!/usr/bin/env bash
# debian.sh PROGRAM PACKAGE: says whether a program is there that tests need. Debian's package is installed if it is missing and
# this user may. PROGRAM is a path, or a name on the PATH.
set -euo pipefail

program=$1 package=$2
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)

if ! command -v "$program" >/dev/null && command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package"
fi >&2
if ! command -v "$program" >/dev/null; then
  echo "$program is missing: install Debian's package $package" >&2
  exit 1
fi
