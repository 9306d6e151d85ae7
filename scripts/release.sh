#!/usr/bin/env bash
# Archives of the program, one per target: scripts/release.sh FOLDER [TARGET…]
#
# Each has the stripped program, the pages of its manual, completions, licences, and a list of all crates that are linked with
# their licences; SHA256SUMS lies beside them. Without targets: this machine's, and 64-bit ARM where its standard library and
# linker are there (rustup target add aarch64-unknown-linux-gnu; apt install gcc-aarch64-linux-gnu). scripts/try_release.sh
# runs an archive in a bare Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ $# -lt 1 ]]; then
  echo "which folder? scripts/release.sh FOLDER [TARGET…]" >&2
  exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
host=$(rustc -vV | sed -n 's/^host: //p')
# What a newcomer may want and that needs no other program: not GPUs, buckets, MPI, servers.
features=report,parquet,hub
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
# The same commit gives the same archive.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH CARGO_PROFILE_RELEASE_STRIP=symbols
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"

targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  targets=("$host")
  arm=aarch64-unknown-linux-gnu
  if [[ $host != "$arm" ]]; then
    if [[ -d "$(rustc --print sysroot)/lib/rustlib/$arm" ]] && command -v aarch64-linux-gnu-gcc >/dev/null; then
      targets+=("$arm")
    else
      echo "left out: $arm: its standard library or aarch64-linux-gnu-gcc is not here" >&2
    fi
  fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --locked --package muscall-cli --features "$features" --target "$host"
own="${CARGO_TARGET_DIR:-target}/$host/release/muscall"
for target in "${targets[@]}"; do
  if [[ $target != "$host" ]]; then
    cargo build --release --locked --package muscall-cli --features "$features" --target "$target"
  fi
  name="muscall-$version-$target"
  folder="$work/$name"
  mkdir -p "$folder/completions"
  cp "${CARGO_TARGET_DIR:-target}/$target/release/muscall" "$folder/"
  "$own" manual "$folder/man/man1" >/dev/null
  for shell in bash zsh fish; do
    "$own" completions "$shell" >"$folder/completions/muscall.$shell"
  done
  cp LICENSE LICENSE-APACHE LICENSE-MIT CHANGELOG.md "$folder/"
  cp crates/muscall-cli/README.md "$folder/README.md"
  cp models/box/README.md "$folder/MODEL.md"
  cargo tree --locked --package muscall-cli --features "$features" --target "$target" --edges normal --prefix none \
    --format '{p}	{l}' | sed 's/ (proc-macro)//; s/ ([^)]*)//; s/ (\*)$//' | sort -u >"$folder/DEPENDENCIES.tsv"
  if grep -P '\t$' "$folder/DEPENDENCIES.tsv" >&2; then
    echo "these crates name no licence" >&2
    exit 1
  fi
  tar --create --directory "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner "$name" |
    gzip -9n >"$out/$name.tar.gz"
  echo "$out/$name.tar.gz: $(du -h "$out/$name.tar.gz" | cut -f1)"
done
(cd "$out" && sha256sum ./*.tar.gz >SHA256SUMS)
