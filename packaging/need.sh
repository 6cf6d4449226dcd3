# shellcheck shell=bash
# Sourced by try.sh, test.sh and the long tests' scripts: `need PACKAGE...` sees to it that Debian packages are there.

need() {
    local missing=() package
    for package in "$@"; do
        [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if ! command -v apt-get >/dev/null || ((EUID != 0)); then
        echo "missing Debian packages; as root: apt-get install ${missing[*]}" >&2
        return 1
    fi
    echo "installing: ${missing[*]}"
    # The package lists are fetched only where they are missing or too old to be of use.
    apt_install "${missing[@]}" >/dev/null 2>&1 || { apt-get -qq update && apt_install "${missing[@]}" >/dev/null; }
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@" </dev/null
}
