#!/bin/bash
# Build grubkd as one file that needs nothing of the system it runs on: packaging/onefile.sh [DIRECTORY]
#
# Makes DIRECTORY/grubkd-x86_64 and grubkd-aarch64 (DIRECTORY: dist): Python, libaugeas and the C parts of the libraries,
# linked statically, and their modules in a zip archive behind the program. docs/onefile.md describes them.
# Run as root on x86_64, with debootstrap: it builds in a Debian 12 with the versions of packaging/onefile/debian.txt,
# kept in $GRUBKD_CACHE (/var/cache/grubkd-onefile). $GRUBKD_MIRROR and $GRUBKD_SECURITY_MIRROR: other addresses of
# Debian's archives, such as snapshots that still have these versions.
set -euo pipefail
out=$(realpath --canonicalize-missing "${1:-dist}")
cd "$(dirname "$0")/.."
fail() {
    echo "onefile.sh: $1" >&2
    exit 1
}

[[ $(uname -m) == x86_64 ]] || fail "it builds on x86_64 only"
((EUID == 0)) || fail "debootstrap and chroot need root"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
list=packaging/onefile/debian.txt
cache=${GRUBKD_CACHE:-/var/cache/grubkd-onefile}
root=$cache/$(sha256sum $list | cut -c1-16)
log=$root.log

# Run a command in the root. Its mounts end with it.
inside() {
    # shellcheck disable=SC2016 # the inner shell's arguments
    unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" \
        env -u TMPDIR HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

prepare() {
    local pinned python suite mirror security
    mapfile -t pinned < <(grep -v '^#' $list)
    python=$(sed -n 's/^libpython3.11-dev=//p' $list)
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$root" ${GRUBKD_MIRROR:+"$GRUBKD_MIRROR"} >"$log" 2>&1 ||
        fail "debootstrap failed: see $log"
    # The mirror that debootstrap chose; Debian keeps the security archive beside it.
    mirror=$(awk '$1 == "deb" { print $2; exit }' "$root/etc/apt/sources.list")
    security=${GRUBKD_SECURITY_MIRROR:-${mirror%/}-security}
    for suite in "$mirror bookworm" "$mirror bookworm-updates" "$security bookworm-security"; do
        printf 'deb %s main\ndeb-src %s main\n' "$suite" "$suite"
    done >"$root/etc/apt/sources.list"
    # The network of this machine: its name servers, proxies and certificates.
    cp -L /etc/resolv.conf "$root/etc/"
    cp -r /etc/apt/apt.conf.d "$root/etc/apt/"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    {
        inside dpkg --add-architecture arm64 &&
            inside apt-get -qq update &&
            inside apt-get -qq install --yes --allow-downgrades --no-install-recommends "${pinned[@]}" &&
            inside env --chdir=/mnt apt-get -qq source --download-only --tar-only "python3.11=$python"
    } >>"$log" 2>&1 || fail "the archive may no longer have what $list pins: name a snapshot, or pin again; see $log"
    touch "$root/ready"
}

[[ -e $root/ready ]] || prepare
mkdir -p "$out"
for arch in x86_64 aarch64; do
    rm -rf "$root/build"
    mkdir -p "$root/build/source"
    tar --create --exclude=__pycache__ --exclude='*_tables.py' --exclude='*.egg-info' \
        LICENSE README.md grammars grubkd man docs/schema integrations packaging pyproject.toml setup.py |
        tar --extract --no-same-owner --directory "$root/build/source"
    inside /bin/bash /build/source/packaging/onefile/build.sh $arch >"$log" 2>&1 ||
        fail "the build failed: $(tail -n 1 "$log") (see $log)"
    install -m 0755 "$root/build/grubkd" "$out/grubkd-$arch"
done
rm -rf "$root/build"
cd "$out" && sha256sum grubkd-x86_64 grubkd-aarch64
