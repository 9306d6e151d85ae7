#!/usr/bin/env bash
# Trains on demo/ in three processes over MPI beside one process alone, kills a process, and goes on with two.
#   scripts/test_mpi.sh [LOG]
# On demand. Needs an MPI library with its headers, and libclang; as root it installs Debian's Open MPI. PROFILE=release
# builds for speed; the default shares its build with the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(realpath -m "${1:-docs/mpi.txt}")
if ! command -v mpirun >/dev/null && [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    libopenmpi-dev openmpi-bin libclang-dev clang >/dev/null
fi
if ! command -v mpirun >/dev/null; then
  echo "mpirun is missing: install an MPI library, such as libopenmpi-dev and openmpi-bin" >&2
  exit 1
fi
profile=${PROFILE:-dev}
cargo build --workspace --profile "$profile" --features mpi --example train --example exchange
[[ $profile == dev ]] && built=target/debug/examples || built=target/$profile/examples

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/recipe.toml" <<TOML
seed = 1
epochs = 4
batch_size = 12
micro_batch = 4
learning_rate = 1e-3
checkpoint_steps = 1

[model]
preset = "tiny"
TOML
run_on() { # RANKS NAME ARGUMENTS...
  local ranks=$1 name=$2
  shift 2
  local start=()
  if [[ $ranks -gt 1 ]]; then
    start=(mpirun --allow-run-as-root --oversubscribe --bind-to none -n "$ranks")
  fi
  "${start[@]}" "$built/train" --recipe "$work/recipe.toml" --data demo/manifest.jsonl --out "$work/$name" "$@" 2>&1 \
    | tr '\r' '\n' | sed "s|$work/||g; s|$PWD/||g" > "$work/$name.txt"
}
losses() { cut -d, -f1,3 "$work/$1/steps.csv" | tail -n +2; }
compare() { # NAME NAME
  paste -d, <(losses "$1") <(losses "$2") | awk -F, -v a="$1" -v b="$2" '
    $1 != $3 { print "steps differ: " $0; failed = 1 }
    { d = $2 - $4; if (d < 0) d = -d; if (d > worst) worst = d; steps++ }
    END { printf "%d steps, %s beside %s: losses differ by at most %.6f\n", steps, b, a, worst
          exit failed || steps < 10 || worst > 1e-5 }'
}

exec > >(tee "$log")
mpirun --version | head -1
echo "--- one process, then three"
run_on 1 alone
run_on 3 three
compare alone three
grep "exchange between" "$work/three.txt" | tail -1

echo "--- three processes, one of them killed with signal 9"
run_on 3 killed & started=$!
until [[ -d $work/killed/checkpoints ]] && compgen -G "$work/killed/checkpoints/step-*3-*" >/dev/null; do sleep 0.05; done
# Its own child's children: mpirun's ranks.
victim=$(pgrep -f -- "--out $work/killed" | while read -r pid; do
  [[ $(tr '\0' '\n' < "/proc/$pid/environ" 2>/dev/null | grep -x OMPI_COMM_WORLD_RANK=2) ]] && echo "$pid"; done | head -1)
kill -9 "$victim"
if wait "$started"; then echo "the others did not end"; exit 1; fi
grep -a "signal 9" "$work/killed.txt" | sed -E 's/\[[^]]*\]//g; s/PID [0-9]+ on node [^ ]+/PID … on node …/'
echo "left: $(ls "$work/killed/checkpoints" | grep step-)"

echo "--- resumed with two"
run_on 2 killed --resume
compare alone killed

echo "--- what the exchange takes"
for ranks in 2 3; do
  mpirun --allow-run-as-root --oversubscribe --bind-to none -n $ranks "$built/exchange"
  "$built/exchange" --ranks $ranks
done
