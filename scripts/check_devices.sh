#!/usr/bin/env bash
# The device check of every recipe at its full size, on two tracks of demo/: a device (`cpu` by default, which must agree
# with itself) against the CPU. Recipes whose word vectors or sentence encoder are not on this machine are named.
#   scripts/check_devices.sh [device] | tee docs/check_devices.txt
set -euo pipefail
cd "$(dirname "$0")/.."
device=${1:-cpu}
check=${CHECK_DEVICE:-}
if [[ -z $check ]]; then
  cargo build --release --example check_device --quiet
  check=target/release/examples/check_device
fi
failed=0
for recipe in recipes/*.toml recipes/*/*.toml; do
  if said=$("$check" --recipe "$recipe" --device "$device" --tracks 2 --steps 1 2>&1); then
    echo "$recipe: $(tail -1 <<<"$said")"
  elif grep -qE "cannot be read|was not found|no such|SentenceModel|not there" <<<"$said"; then
    echo "$recipe: not checked: $(tail -1 <<<"$said")"
  else
    echo "$recipe: FAILED: $(tail -1 <<<"$said")"
    failed=1
  fi
done
exit $failed
