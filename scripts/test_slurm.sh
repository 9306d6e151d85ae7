#!/usr/bin/env bash
# Indexes a folder by deploy/slurm.sh on a real SLURM of one node, kills one of the eight tasks, submits again, and
# compares the merged index's size with that of a single process. Installs Debian's SLURM if it is absent.
#   scripts/test_slurm.sh BUNDLE MUSIC [INDEX_PROGRAM]
# On demand, as root: it starts munged, slurmctld and slurmd, and stops them again.
set -euo pipefail
if [[ $# -lt 2 ]]; then
  sed -n '2,5s/^# *//p' "$0" >&2
  exit 2
fi
root=$(realpath "$(dirname "$0")/..")
bundle=$(realpath "$1") music=$(realpath "$2")
program=$(realpath "${3:-$root/target/release/examples/index}")
if ! command -v slurmctld >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge >/dev/null
fi
work=$(mktemp -d) host=$(hostname -s)
mkdir -p "$work"/{state,spool,log} /run/munge /etc/slurm
trap 'kill $(cat "$work"/*.pid) 2>/dev/null || true; sleep 1; rm -rf "$work"' EXIT
[[ -s /etc/munge/munge.key ]] || mungekey --create
chown -R munge: /run/munge /etc/munge 2>/dev/null || true
pgrep munged >/dev/null || su -s /bin/sh munge -c 'munged --force' || munged --force
cat > "$work/slurm.conf" <<CONF
ClusterName=muscall
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool/%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldPort=16817
SlurmctldLogFile=$work/log/slurmctld
SlurmdLogFile=$work/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=sched_interval=5,batch_sched_delay=1
NodeName=$host NodeAddr=127.0.0.1 Port=16818 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP
CONF
export SLURM_CONF=$work/slurm.conf
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
until sinfo -h -o %t | grep -q idle; do sleep 0.5; done
sinfo

export BUNDLE=$bundle INDEX=$work/music.index MUSIC=$music SHARDS=8 MUSCALL_INDEXER=$program
cd "$work"
echo "--- first submission; task 3 is killed"
"$root/deploy/slurm.sh"
array=$(squeue -h -o %F -n muscall-index | head -1)
until [[ $(squeue -h -t R -o %K -j "$array" 2>/dev/null | grep -cx 3) == 1 ]]; do sleep 0.1; done
scancel --signal=KILL --full "${array}_3"
while [[ -n $(squeue -h) ]]; do sleep 1; done
ls "$work" | grep -c 'shard-.*\.done$' | sed 's/$/ of 8 shards are done/'
[[ ! -e $INDEX ]] && echo "nothing was merged"
echo "--- the same submission again"
"$root/deploy/slurm.sh"
while [[ -n $(squeue -h) ]]; do sleep 1; done
ls "$work" | grep -c 'shard-.*\.done$' | sed 's/$/ of 8 shards are done/'
cat "$work"/slurm-*.out | grep -E "up to date|tracks from" | sed "s|$work/||"
"$program" --bundle "$bundle" --index "$work/alone.index" "$music" | tail -1 | sed "s|$work/||"
