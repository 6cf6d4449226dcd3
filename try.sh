#!/bin/bash
# Show grubkd's main job on a copy of a machine's boot files: ./try.sh [TREE], where TREE is a directory of fixtures/.
# Writes only to a temporary directory. Installs the Debian packages that grubkd needs (as root, on Debian 12 or 13).
set -euo pipefail
cd "$(dirname "$0")"
. packaging/need.sh

# The trees that have boot entries, one a line.
trees() {
    grep --files-without-match '"entries": \[\]' fixtures/*/show.json | cut -d / -f 2
}

name=${1:-debian-12-plain}
if ! trees | grep --quiet --line-regexp --fixed-strings -e "$name"; then
    {
        echo "$0: no tree with boot entries is called '$name'. The trees are:"
        trees | sed 's/^/  /'
    } >&2
    exit 2
fi
need python3-lark python3-click python3-augeas python3-psutil diffutils

original=fixtures/$name/root
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -a "$original" "$scratch/tree"
export PYTHONPATH=$PWD PYTHONDONTWRITEBYTECODE=1

step() {
    printf '\n== %s\n' "$1"
}

# grubkd ARGUMENT...: print the command as a person would type it, and run it on the copy.
grubkd() {
    echo "\$ grubkd $* --root tree"
    (cd "$scratch" && /usr/bin/python3 -m grubkd "$@" --root tree)
}

# attempt ARGUMENT...: the same, where an error is an answer too.
attempt() {
    grubkd "$@" 2>&1 || echo "(exit status $?)"
}

compare() {
    diff --recursive --no-dereference "$original" "$scratch/tree"
}

step "How does it boot, and what does each entry reserve for a crash kernel?"
attempt show
step "What would be right for it, with 16 GiB of RAM?"
attempt plan --ram 16G
step "What would change?"
status=0
grubkd set --auto --ram 16G --dry-run 2>&1 || status=$?
case $status in
0) ;;
3 | 4) # a file that grubkd does not understand; a change that it must not make
    compare
    echo
    echo "grubkd refuses this change and says why. No file was changed."
    exit
    ;;
*) exit "$status" ;;
esac
step "Change it: every entry, and every kernel installed later."
grubkd set --auto --ram 16G
attempt show
step "Once more: nothing to do."
grubkd set --auto --ram 16G
if [[ -d $scratch/tree/var/lib/grubkd ]]; then
    step "Take it back."
    grubkd rollback
    # The history of changes stays.
    rm -r "$scratch/tree/var/lib/grubkd"
    (cd "$scratch/tree" && rmdir --parents --ignore-fail-on-non-empty var/lib)
fi
compare
echo "Every file is again what it was, byte for byte."
