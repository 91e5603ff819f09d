#!/usr/bin/env bash
# Says whether Chromium is there for the tests of the page. Debian's is installed if it is missing and this user may.
set -euo pipefail

chromium=${CHROMIUM:-/usr/bin/chromium}
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)

if [ ! -x "$chromium" ] && [ -z "${CHROMIUM:-}" ] && command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
fi
if [ ! -x "$chromium" ]; then
  echo "test-page: $chromium is missing: install Debian's package chromium, or say by CHROMIUM where another is" >&2
  exit 1
fi
