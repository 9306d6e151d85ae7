#!/usr/bin/env bash
# Indexes a bucket of a stand-in for S3 (moto) and compares the index with that of the same files on a disk:
#
#   pip install 'moto[server]' boto3
#   scripts/test_s3.sh BUNDLE MUSIC
#
# MUSIC is a folder. Set MUSCALL_PYTHON if Python is not `python3`.
set -euo pipefail
if [[ $# -ne 2 ]]; then
  sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
bundle=$(realpath "$1") music=$(realpath "$2") python=${MUSCALL_PYTHON:-python3}
cd "$(dirname "$0")/.."
cargo build --workspace --features s3 --example index --example export
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
