#!/usr/bin/env bash
# Checks that the GPU features compile, with and without the CPU beside them. It takes half an hour of a core, and is
# not part of .ci/run for that reason; no GPU and no CUDA toolkit is needed.
#
# The build script of burn's CUDA compiler downloads an LLVM of 200 MB into the user's data directory, once. Without a
# network, put one there before: it looks for tracel/tracel-llvm-<version> in $XDG_DATA_HOME (~/.local/share), with
# bin/llvm-config, lib, include and an empty file .tracel-llvm-installed; or set TRACEL_LLVM to a directory that
# has the first three, and this script links it there.
#
# To run, `cuda` needs the NVIDIA driver (libcuda), and of the CUDA toolkit nvvm/libdevice/libdevice.10.bc below
# $CUDA_PATH or /usr/local/cuda; `wgpu` needs a driver for Vulkan, Metal or DirectX 12.
set -euo pipefail
cd "$(dirname "$0")/.."
# A directory of its own: other features would rebuild burn in the usual one.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target/gpu}" CARGO_INCREMENTAL=0

if [[ -n ${TRACEL_LLVM:-} ]]; then
  version=$(grep -A 1 '^name = "tracel-llvm-bundler"$' Cargo.lock | sed -n 's/^version = "\(.*\)"$/\1/p')
  place="${XDG_DATA_HOME:-$HOME/.local/share}/tracel/tracel-llvm-$version"
  mkdir -p "$place"
  for part in bin lib include; do
    [[ -e $place/$part ]] || ln -s "$(realpath "$TRACEL_LLVM")/$part" "$place/$part"
  done
  touch "$place/.tracel-llvm-installed"
fi

check() {
  echo "cargo check $*"
  cargo check --quiet --lib --examples "$@"
}
check --features wgpu
check --no-default-features --features wgpu
check --features cuda
check --features wgpu-plain,cuda-plain,autotune-cache
