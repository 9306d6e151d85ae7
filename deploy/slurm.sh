#!/bin/bash
# Indexes a large library by a SLURM array: one shard per task, then one job that merges them.
#
#   BUNDLE=/models/music INDEX=/shared/music.index MUSIC=/shared/music SHARDS=64 deploy/slurm.sh
#
# All paths are on a file system that the nodes share. A task that died is run again by the same command:
# shards that are done have nothing left to do, the others go on where they were.
# Set MUSCALL_INDEXER if the program is not `index` on the PATH (cargo build --release --example index),
# and SBATCH_… variables for partition, memory, GPUs and time.
set -euo pipefail

if [[ -n ${SLURM_ARRAY_TASK_ID:-} ]]; then
  exec "${MUSCALL_INDEXER:-index}" --bundle "$BUNDLE" --index "$INDEX" --shard "$SHARDS" "$MUSIC"
fi

: "${BUNDLE:?a trained model}" "${INDEX:?the file to make}" "${MUSIC:?a folder or manifest}" "${SHARDS:?how many tasks}"
export BUNDLE INDEX MUSIC SHARDS
script=$(realpath "$0")
array=$(sbatch --parsable --export=ALL --array="0-$((SHARDS - 1))" --job-name=muscall-index "$script")
merge=$(sbatch --parsable --export=ALL --dependency="afterok:$array" --kill-on-invalid-dep=yes --job-name=muscall-merge \
  --wrap "'${MUSCALL_INDEXER:-index}' --index '$INDEX' --merge '$SHARDS'")
echo "array $array of $SHARDS shards, merged by $merge"
