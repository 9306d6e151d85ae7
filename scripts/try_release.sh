#!/usr/bin/env bash
# Runs an archive where nothing is installed: scripts/try_release.sh ARCHIVE MUSIC [WORDS…]
#
# Makes a bare Debian (debootstrap, as root), unpacks the archive, indexes the folder of music, and searches it. Prints how long
# that took from unpacking to the answers.
set -euo pipefail
if [[ $# -lt 2 || $(id -u) -ne 0 ]]; then
  echo "as root: scripts/try_release.sh ARCHIVE MUSIC [WORDS…]" >&2
  exit 2
fi
archive=$(realpath "$1")
music=$(realpath "$2")
words=("${@:3}")
[[ ${#words[@]} -gt 0 ]] || words=(happy upbeat tune)
command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap >/dev/null; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase stable "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 || { tail "$root.log" >&2; exit 1; }
rm -f "$root.log"
mkdir -p "$root/root/Music"
cp -rL "$music/." "$root/root/Music/"
if chroot "$root" sh -c 'command -v cargo || command -v gcc'; then
  echo "this is no bare root" >&2
  exit 1
fi
started=$(date +%s.%N)
tar --extract --gzip --file "$archive" --directory "$root/opt"
program=$(cd "$root" && echo opt/muscall-*/muscall)
in_root() { chroot "$root" env -i HOME=/root PATH=/usr/bin:/bin "/$program" "$@"; }
in_root --version
in_root index /root/Music
in_root search "${words[@]}"
ended=$(date +%s.%N)
echo "unpacked, indexed and searched in $(echo "$ended $started" | awk '{ printf "%.1f", $1 - $2 }') s"
