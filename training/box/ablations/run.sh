#!/usr/bin/env bash
# The ablations of the model in the box on a part of its data, three seeds, resumable: run.sh MANIFEST OUT [ablate's options],
# started in a folder beside which training/box/words.safetensors lies, such as recipes/. 24 runs of four to eight minutes on two cores.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
manifest=$1 out=$2
muscall=${MUSCALL:-muscall}
options=("${@:3}")
mkdir -p "$out"
subset() { python3 "$here/../subset.py" "$manifest" --validation rendered "$@"; }
subset --rendered 1200 --out "$out/all.jsonl"
subset --rendered 1200 --font compact --out "$out/one_font.jsonl"
subset --rendered 0 --out "$out/produced.jsonl"
subset --rendered 1200 --no-produced --out "$out/rendered.jsonl"
ablate() {
  local name=$1 data=$2
  shift 2
  "$muscall" ablate --data "$out/$data.jsonl" --out "$out/$name" --recipes "$@"
}
for seeds in 0 0,1 0,1,2; do
  ablate runs all "$here"/*.toml --seeds $seeds ${options[@]+"${options[@]}"}
  ablate one_font one_font "$here/both.toml" --seeds $seeds ${options[@]+"${options[@]}"}
  ablate alone produced "$here/alone/produced_alone.toml" --seeds $seeds ${options[@]+"${options[@]}"}
  ablate alone_rendered rendered "$here/alone/rendered_alone.toml" --seeds $seeds ${options[@]+"${options[@]}"}
done
