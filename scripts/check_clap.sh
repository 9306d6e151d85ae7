#!/usr/bin/env bash
# LAION-CLAP at its two published sizes with random weights, every tensor off its default, in the hub's layout and as laion's
# .pt (optimizer inside): import, check, index of demo/, search, classify, zero-shot genres and a linear probe, one request to
# the server, export, import of what was exported. Prints the peak memory of each program, and stops at the first thing that
# is not as it should be.
#   scripts/check_clap.sh [folder, where 12 GB are free] | tee docs/check_clap.txt
# MUSIC names other music than demo/audio, PROFILE=dev uses programs that are not optimised as far. Needs Linux (peaks are
# read from /proc) and curl.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-$(mktemp -d)}
profile=${PROFILE:-release}
build=target/$([[ $profile == dev ]] && echo debug || echo "$profile")
models=$work/models
# Peaks are read from /proc; the tests have paths of their own.
work=$(realpath "$work") models=$(realpath -m "$models")
music=$(realpath "${MUSIC:-demo/audio}")
mkdir -p "$models" "$work/few"
rm -rf "$work"/*-hub "$work"/*-pt "$work"/*.index* "$work/gtzan"
# Fifty clips of demo/ as if they were GTZAN's: with random weights, answers are a matter of chance.
clips=(demo/audio/*.ogg)
for genre in blues classical country disco hiphop jazz metal pop reggae rock; do
  mkdir -p "$work/gtzan/genres/$genre"
  for file in $(grep -m3 "^$genre/" crates/muscall-data/assets/gtzan/train_filtered.txt) \
    $(grep -m2 "^$genre/" crates/muscall-data/assets/gtzan/test_filtered.txt); do
    ln -s "$(realpath "${clips[0]}")" "$work/gtzan/genres/${file%.*}.wav"
    clips=("${clips[@]:1}")
  done
done
cp demo/audio/000_0ad_Celtica.ogg demo/audio/001_0ad_Highland_Mist.ogg demo/audio/014_fretsonfire_Feelings.ogg "$work/few"
cargo build --workspace --quiet --profile "$profile" --example import_clap --example export --example check_model \
  --example index --example search --example serve --example benchmark
MUSCALL_CLAP_MODELS=$models cargo test --workspace --quiet --profile "$profile" --test clap_made -- --ignored full_sizes >/dev/null

# Runs a program; the peak is that of the program itself, mapped pages included.
peak() {
  local what=$1 program=$2 pid most=0 now
  shift 2
  "$build/examples/$program" "$@" >"$work/said" 2>"$work/errors" &
  pid=$!
  while now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status" 2>/dev/null) && [[ -n $now ]]; do
    most=$now
    sleep 0.02
  done
  if ! wait "$pid"; then
    echo "$what: FAILED"
    tail -3 "$work/errors"
    exit 1
  fi
  echo "$what: peak $((most / 1024)) MiB"
}
expect() { grep -q -- "$1" "$work/said" || { echo "no '$1' in:"; cat "$work/said"; exit 1; }; }
same() { cmp "$1" "$2" || exit 1; }
# The header of the weights says which space they make with the rest of the bundle.
tensors() { tail -c "+$((9 + $(od -An -t u8 -N8 "$1")))" "$1"; }

for size in tiny base; do
  for layout in hub pt; do
    name="$size, $layout"
    bundle=$work/$size-$layout
    index=$work/$size-$layout.index
    if [[ $layout == hub ]]; then
      source=$models/$size tokenizer=()
    else
      source=$models/$size.pt tokenizer=(--tokenizer "$models/$size")
    fi
    echo "$name: a file of $(($(stat -Lc %s "$source"/model.safetensors "$source" 2>/dev/null | head -1) >> 20)) MiB"
    peak "$name: import" import_clap "$source" --out "$bundle" --device cpu "${tokenizer[@]}"
    expect "mean cosine"
    peak "$name: index of $(find "$music" -type f | wc -l) files" index --bundle "$bundle" --index "$index" --device cpu "$music"
    # The same weights in another layout: once is enough of all of demo/.
    if [[ $layout == hub && -z ${MUSIC:-} ]]; then
      peak "$name: check_model" check_model "$bundle" --device cpu
      expect "calm solo piano"
    fi
    peak "$name: search of three files" search --bundle "$bundle" --music "$work/few" --device cpu "a slow guitar"
    expect "014_fretsonfire_Feelings"
    MUSCALL_CLAP_BUNDLE=$bundle cargo test --workspace --quiet --profile "$profile" --test clap_made -- \
      --ignored --nocapture classifies >"$work/said" 2>"$work/errors" || { cat "$work/errors" "$work/said"; exit 1; }
    sed -n "s/^classify/$name: classify/p" "$work/said"

    peak "$name: zero-shot genres and linear probe" benchmark --bundle "$bundle" --name gtzan --data "$work/gtzan" \
      --probe --allow-incomplete --device cpu
    expect "linear probe: accuracy"

    "$build/examples/serve" --bundle "$bundle" --index "$index" --device cpu --port 0 >"$work/said" 2>&1 &
    server=$!
    for _ in {1..600}; do
      address=$(grep -om1 "http://[0-9.:]*" "$work/said" || true)
      [[ -n $address ]] && break
      sleep 0.1
    done
    answer=$(curl -fsS "$address/api/search" -H 'content-type: application/json' -d '{"terms": [{"text": "a slow guitar"}]}')
    grep -q "$music" <<<"$answer" || { echo "no track in: $answer"; exit 1; }
    echo "$name: serve, one query: peak $(($(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$server/status") / 1024)) MiB"
    kill "$server"
    wait "$server" 2>/dev/null || true

    peak "$name: export" export --bundle "$bundle" --as transformers "$work/exported"
    peak "$name: import of the export" import_clap "$work/exported" --out "$work/again" --device cpu
    for file in config.json weights.safetensors tokenizer.json; do same "$bundle/$file" "$work/again/$file"; done
    echo "$name: the exported model is the same to the bit"
    rm -r "$work/exported" "$work/again"
  done
  same <(tensors "$work/$size-hub/weights.safetensors") <(tensors "$work/$size-pt/weights.safetensors")
  echo "$size: both layouts have the same weights"
done
