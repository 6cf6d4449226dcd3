#!/bin/bash
# Show grubkd's main job on a copy of a machine's boot files: ./try.sh [TREE], one of fixtures/. Nothing outside a temporary directory is changed,
# but for the Debian packages that grubkd needs (as root, on Debian 12).
set -euo pipefail
cd "$(dirname "$0")"
. packaging/need.sh
need python3-lark python3-click python3-augeas python3-psutil diffutils

machine=fixtures/${1:-debian-12-plain}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -a "$machine/root" "$scratch/tree"
export PYTHONPATH=$PWD PYTHONDONTWRITEBYTECODE=1

step() {
    printf '\n== %s\n' "$1"
}

# grubkd ARGUMENT...: print the command as a person would type it, and run it on the copy.
grubkd() {
    echo "\$ grubkd $* --root tree"
    (cd "$scratch" && /usr/bin/python3 -m grubkd "$@" --root tree)
}

step "How does it boot, and what does each entry reserve for a crash kernel?"
grubkd show
step "What would be right for it, with 16 GiB of RAM?"
grubkd plan --ram 16G
step "What would change?"
grubkd set --auto --ram 16G --dry-run
step "Change it: every entry, and every kernel installed later."
grubkd set --auto --ram 16G
grubkd show
step "Once more: nothing to do."
grubkd set --auto --ram 16G
step "Take it back."
grubkd rollback
# The history of what was done stays.
rm -r "$scratch/tree/var/lib/grubkd"
(cd "$scratch/tree" && rmdir --parents --ignore-fail-on-non-empty var/lib)
diff --recursive --no-dereference "$machine/root" "$scratch/tree"
echo "Every file is again what it was, byte for byte."
