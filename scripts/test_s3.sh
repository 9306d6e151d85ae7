#!/usr/bin/env bash
# Indexes a bucket of a stand-in for S3 (moto) and compares the index with that of the same files on a disk; then checks shards
# of the demo in that bucket, and trains on them, and compares what is said and learned with the same shards on a disk:
#
#   pip install 'moto[server]' boto3
#   scripts/test_s3.sh BUNDLE MUSIC
#
# MUSIC is a folder. Set MUSCALL_PYTHON if Python is not `python3`.
set -euo pipefail
if [[ $# -ne 2 ]]; then
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
bundle=$(realpath "$1") music=$(realpath "$2") python=${MUSCALL_PYTHON:-python3}
cd "$(dirname "$0")/.."
cargo build --workspace --features s3 --example index --example export --example check --example train
target=${CARGO_TARGET_DIR:-target}/debug/examples
work=$(mktemp -d)
"$python" -m moto.server -p 5961 >"$work/moto.log" 2>&1 &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
export AWS_ENDPOINT=http://127.0.0.1:5961 AWS_ALLOW_HTTP=true

"$python" - "$music" <<'PYTHON'
import os, pathlib, sys, time
import boto3
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT"], region_name="us-east-1")
for _ in range(50):
    try:
        s3.create_bucket(Bucket="music")
        break
    except Exception:
        time.sleep(0.2)
folder = pathlib.Path(sys.argv[1])
for path in sorted(path for path in folder.rglob("*") if path.is_file()):
    s3.upload_file(str(path), "music", f"all/{path.relative_to(folder)}")
s3.put_object(Bucket="music", Key="all/broken.mp3", Body=b"not audio")
s3.put_object(Bucket="music", Key="other/not-asked-for.mp3", Body=b"x")
PYTHON

index() { "$target/index" --bundle "$bundle" --index "$work/$1.index" "$2"; }
index disk "$music"
index bucket s3://music/all
index bucket s3://music/all | tee "$work/again.log"
grep -q "^0 files embedded" "$work/again.log"
grep -q "broken.mp3" "$work/bucket.index.unreadable.tsv"
for name in disk bucket; do
  "$target/export" --index "$work/$name.index" --npy "$work/$name.npy"
done
"$python" - "$work" <<'PYTHON'
import pathlib, sys
work = pathlib.Path(sys.argv[1])
disk, bucket = (sorted(work.glob(f"{name}.npy")) for name in ("disk", "bucket"))
assert disk and len(disk) == len(bucket), (disk, bucket)
for a, b in zip(disk, bucket):
    assert a.read_bytes() == b.read_bytes(), f"{a.name} and {b.name} differ"
print("the bucket's index holds the same vectors as the disk's")
PYTHON

"$python" - demo "$work/shards" <<'PYTHON'
import io, json, os, pathlib, sys, tarfile
import boto3
demo, shards = map(pathlib.Path, sys.argv[1:])
shards.mkdir()
rows = [json.loads(line) for line in (demo / "manifest.jsonl").read_text().splitlines()]
train, val = ([row for row in rows if row["split"] == split] for split in ("train", "val"))
for name, part in [("train-000", train[:9]), ("train-001", train[9:16]), ("val-000", val[:6])]:
    with tarfile.open(shards / f"{name}.tar", "w") as tar:
        for row in part:
            audio = demo / row["audio"]
            sample = {key: row[key] for key in ("caption", "label", "source")}
            for extension, content in [("json", json.dumps(sample).encode()), (audio.suffix[1:], audio.read_bytes())]:
                member = tarfile.TarInfo(f"{audio.stem}.{extension}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT"], region_name="us-east-1")
for path in sorted(shards.iterdir()):
    s3.upload_file(str(path), "music", f"shards/{path.name}")
PYTHON

bucket=s3://music/shards
# The exit code says whether anything was found.
check() { "$target/check" --data "$1" --clip-s 6 --json >"$2" || [[ $? -eq 1 ]]; }
check "$work/shards" "$work/disk.json"
check "$bucket/" "$work/bucket.json"
check "$bucket/train-{000..001}.tar::$bucket/val-000.tar" "$work/named.json"
sed -i "s|$work/shards|$bucket|g" "$work/disk.json"
cmp "$work/disk.json" "$work/bucket.json"
cmp "$work/disk.json" "$work/named.json"
grep -q '"tracks":16' "$work/disk.json"
echo "check says the same of shards in the bucket and on the disk"

cat >"$work/recipe.toml" <<'TOML'
epochs = 2
batch_size = 4
learning_rate = 1e-3
[data]
shuffle_buffer = 4
[model]
preset = "tiny"
clip_s = 1
[model.audio]
width = 2
hidden = 16
[model.text]
width = 16
heads = 2
TOML
train() { "$target/train" --recipe "$work/recipe.toml" --data "$1" --out "$work/$2" --no-check-device; }
train "$work/shards" on-disk
train "$bucket/" in-bucket
cmp "$work/on-disk/weights.safetensors" "$work/in-bucket/weights.safetensors"
echo "trainings on shards in the bucket and on the disk end with the same weights"
if train "$bucket/train-{000..002}.tar" missing 2>"$work/missing.log"; then
  echo "a shard that is not there was not missed" >&2
  exit 1
fi
grep -q "$bucket/train-002.tar: nothing is there" "$work/missing.log"
