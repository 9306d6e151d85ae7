#!/usr/bin/env bash
# Tests the page of the example `serve` in Chromium, with a bundle and an index made with it.
#   scripts/test_page.sh BUNDLE INDEX [--screenshots DIR]
set -euo pipefail

if [[ $# -ne 2 && ! ( $# -eq 4 && $3 == --screenshots ) ]]; then
  sed -n '2,3s/^# *//p' "$0" >&2
  exit 2
fi
export MUSCALL_BUNDLE MUSCALL_INDEX MUSCALL_CHROMIUM
MUSCALL_BUNDLE=$(realpath "$1")
MUSCALL_INDEX=$(realpath "$2")
if [[ $# -eq 4 ]]; then
  export MUSCALL_SCREENSHOTS
  MUSCALL_SCREENSHOTS=$(realpath -m "$4")
fi
cd "$(dirname "$0")/.."

find_chromium() {
  command -v chromium || command -v chromium-browser || command -v google-chrome
}
if ! find_chromium >/dev/null && [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
if ! MUSCALL_CHROMIUM=$(find_chromium); then
  echo "Chromium is missing: install it, for instance with apt-get install chromium" >&2
  exit 1
fi

# As the tests of the whole workspace are built, so that nothing is built twice.
cargo build --workspace --example serve
cargo test --workspace --test page
