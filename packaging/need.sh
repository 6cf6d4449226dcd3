# shellcheck shell=bash
# Sourced by try.sh, test.sh and lab.sh: `need PACKAGE...` installs the Debian packages that are missing.

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
    # Fetch the package lists only if the installation fails without.
    apt_install "${missing[@]}" >/dev/null 2>&1 || { apt-get -qq update && apt_install "${missing[@]}" >/dev/null; }
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@" </dev/null
}
