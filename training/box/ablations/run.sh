#!/usr/bin/env bash
# The ablations of the model in the box, three seeds, resumable: run.sh MANIFEST OUT, from a folder beside which
# training/box/words.safetensors lies, such as recipes/. 24 runs of four to eight minutes on two cores.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
manifest=$1 out=$2
muscall=${MUSCALL:-muscall}
mkdir -p "$out"
python3 "$here/../subset.py" "$manifest" --rendered 1200 --validation rendered --out "$out/all.jsonl"
python3 "$here/../subset.py" "$manifest" --rendered 1200 --validation rendered --font compact --out "$out/one_font.jsonl"
for seeds in 0 0,1 0,1,2; do
  "$muscall" ablate --recipes "$here"/*.toml --seeds "$seeds" --data "$out/all.jsonl" --out "$out/runs" "${@:3}"
  "$muscall" ablate --recipes "$here/both.toml" --seeds "$seeds" --data "$out/one_font.jsonl" --out "$out/one_font" "${@:3}"
done
