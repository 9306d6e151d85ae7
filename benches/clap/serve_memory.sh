#!/usr/bin/env bash
# Peak memory of `serve` after 100 queries in words, mapped pages included, beside the size of the model's text tower.
#
#   benches/clap/serve_memory.sh BUNDLE INDEX [PROFILE]
#
# PROFILE is the folder of the compiled example, `release` or `debug`; an index is made by `index`.
set -euo pipefail
bundle=$1 index=$2 profile=${3:-release}
root=$(cd "$(dirname "$0")/../.." && pwd)
log=$(mktemp)
start=$(date +%s.%N)
"$root/target/$profile/examples/serve" --bundle "$bundle" --index "$index" --port 0 >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$log"' EXIT
until address=$(grep -om1 'http://[0-9.:]*' "$log"); do
    kill -0 "$server" || { cat "$log"; exit 1; }
    sleep 0.02
done
printf 'listening after %.2f s\n' "$(echo "$(date +%s.%N) - $start" | bc)"
words=(calm solo piano loud fast drums a singer with guitar and strings in the rain)
for i in $(seq 100); do
    query="${words[$((i % 15))]} ${words[$((i * 7 % 15))]} ${words[$((i * 3 % 15))]} $i"
    code=$(curl -s -G --data-urlencode "q=$query" "$address/api/words" |
        curl -s -o /dev/null -w '%{http_code}' -H 'content-type: application/json' -d @- "$address/api/search")
    [ "$code" = 200 ] || { echo "query $i: HTTP $code"; exit 1; }
done
grep -E '^(VmHWM|RssAnon|RssFile)' "/proc/$server/status"
python3 - "$bundle/weights.safetensors" <<'EOF'
import json, struct, sys

with open(sys.argv[1], "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
tensors = {name: info["data_offsets"] for name, info in header.items() if name != "__metadata__"}
text = sum(end - start for name, (start, end) in tensors.items() if name.split(".")[0] in ("text", "text_projection"))
print(f"text tower: {text // 1024} kB; 1.3 times that: {text * 13 // 10240} kB")
EOF
