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
program=${3:-$root/target/release/examples/index}
if [[ ! -x $program ]]; then
  echo "$program is not there; cargo build --release --example index" >&2
  exit 1
fi
program=$(realpath "$program")
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
# Waits until a command succeeds, but not for ever.
wait_for() { # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if ((SECONDS >= end)); then
      echo "given up: $what" >&2
      squeue >&2 || true
      tail -n 5 "$work"/log/* "$work"/slurm-*.out >&2 || true
      exit 1
    fi
    sleep 0.1
  done
}
is_idle() { sinfo -h -o %t | grep -q idle; }
is_over() { local jobs; jobs=$(squeue -h) && [[ -z $jobs ]]; }
# Task 3 runs, or will never be seen running.
is_running_or_gone() { squeue -h -t R -o %K -j "$array" 2>/dev/null | grep -qx 3 || is_over; }
wait_for 60 "the node is not idle" is_idle
sinfo

export BUNDLE=$bundle INDEX=$work/music.index MUSIC=$music SHARDS=8 MUSCALL_INDEXER=$program
cd "$work"
echo "--- first submission; task 3 is killed"
submitted=$("$root/deploy/slurm.sh")
echo "$submitted"
array=$(cut -d' ' -f2 <<<"$submitted")
wait_for 600 "task 3 does not run" is_running_or_gone
if is_over; then
  echo "task 3 was over before it could be killed; look at its output, or give more music" >&2
  tail -n 5 "$work"/slurm-*.out >&2
  exit 1
fi
scancel --signal=KILL --full "${array}_3"
wait_for 3600 "the tasks do not end" is_over
ls "$work" | grep -c 'shard-.*\.done$' | sed 's/$/ of 8 shards are done/'
[[ ! -e $INDEX ]] && echo "nothing was merged"
echo "--- the same submission again"
"$root/deploy/slurm.sh"
wait_for 3600 "the tasks do not end" is_over
ls "$work" | grep -c 'shard-.*\.done$' | sed 's/$/ of 8 shards are done/'
cat "$work"/slurm-*.out | grep -E "up to date|tracks from" | sed "s|$work/||"
"$program" --bundle "$bundle" --index "$work/alone.index" "$music" | tail -1 | sed "s|$work/||"
