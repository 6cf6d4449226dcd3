#!/bin/bash
# Install what the tests need, then run them with both sets of libraries that grubkd supports.
# --all: also the long tests (a Debian chroot, fuzzing), but not those of lab.sh; laws get random examples. Other arguments go to pytest.
# Run as root on Debian 12 or 13. The virtual environment is .venv, or $GRUBKD_VENV.
set -uo pipefail
cd "$(dirname "$0")" || exit
export LC_ALL=C.UTF-8 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
. packaging/need.sh
. tests/lab/need.sh

selection=() packages=()
if [[ ${1-} == --all ]]; then
    selection=(-m "not lab" --hypothesis-profile=random) # lab.sh runs the tests of the lab
    packages=(debootstrap qemu-user-static debhelper dh-python pybuild-plugin-pyproject python3-all python3-setuptools lintian
        ansible-core)
    shift
fi

need "${packages[@]}" "${LAB_PACKAGES[@]}" python3-lark python3-click python3-augeas python3-psutil python3-pytest python3-pytest-xdist python3-hypothesis python3-jsonschema \
    python3-venv python3-dev gcc pkg-config libaugeas-dev \
    zsh fish rpm dpkg-dev \
    curl mandoc openssh-client patch jq shellcheck grub-common strace attr e2fsprogs dosfstools lz4 zstd || exit

interpreter() {
    local candidate
    for candidate in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
        "$candidate" - 2>/dev/null <<'PYTHON' && command -v "$candidate" && return
import ensurepip, pathlib, sys, sysconfig, venv
sys.exit(sys.version_info < (3, 11) or not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())
PYTHON
    done
    echo "no Python from 3.11 on with venv and headers found" >&2
    return 1
}

venv=${GRUBKD_VENV:-$PWD/.venv}
stamp=$venv/$(sha256sum pyproject.toml | cut -c1-16)-${PWD//\//-}
if [[ ! -e $stamp ]]; then
    echo "preparing $venv"
    "$(interpreter)" -m venv --clear "$venv" &&
        "$venv/bin/pip" install --quiet --quiet --upgrade --upgrade-strategy=eager --editable '.[test]' </dev/null &&
        touch "$stamp" || exit
fi

passed=0 failed=0 skipped=0 status=0
log=$(mktemp)
trap 'rm -f "$log" grammars/*_tables.py' EXIT

# run TITLE PYTHON ARGUMENT...: run pytest with that interpreter and add up its counts.
run() {
    local title=$1 python=$2 start=$SECONDS count word
    shift 2
    printf '\n== %s: %s\n' "$title" "$("$python" - <<'PYTHON'
import platform
from importlib.metadata import version
names = ("lark", "click", "python-augeas", "psutil", "pytest", "hypothesis")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
PYTHON
)"
    # As a build does: without the parsers' tables each process that a test starts computes them, for a second.
    "$python" -c 'from grubkd.parsing import compile; from pathlib import Path; compile.write(Path("grammars"))' || exit
    # What a shell starts in the background ignores SIGINT, and so would the tests that send it.
    env --default-signal "$python" -m pytest -rfEs "${selection[@]}" "$@" </dev/null 2>&1 | tee "$log"
    # 5: no test was selected, for example if an argument names one that only the other set runs
    case ${PIPESTATUS[0]} in 0 | 5) ;; *) status=1 ;; esac
    while read -r count word; do
        case $word in
        passed) passed=$((passed + count)) ;;
        failed | error) failed=$((failed + count)) ;;
        skipped) skipped=$((skipped + count)) ;;
        esac
    done < <(tail -n 1 "$log" | grep -oE '[0-9]+ (passed|failed|error|skipped)')
    echo "== $title: $((SECONDS - start)) s"
}

# Run with PyPI's libraries only: linters and packages; tests in which no library takes part, such as those of paths, of
# what kernels reserve, of writing and syncing; fuzzing; and tests whose tools Debian 12 lacks.
once=(
    tests/house tests/packaging tests/docs/test_{claims,readme}.py
    tests/fuzz tests/memory tests/tree
    tests/advice/test_{capture_line,check,check_boot,enable_steps,evidence,initrd_size,judgement,kdump_settings}.py
    tests/advice/test_{lint,panic,reservation,unknown_release,verdict}.py
    tests/boot/test_{blscfg,inventory,menuorder,owners}.py
    tests/change/test_{concurrency,durability,faults,planted_journal,recheck,recordable,regenerate,run,transaction}.py
    tests/commands/test_{dumps,edges,enable,fixes,measure,ordinary_user,rules,schemas,snippets,terminals}.py
    tests/machine/test_{capture_log,crash_facts,crash_test,debuginfo,distribution,dump_target,hardware,initrd,kdump}.py
    tests/machine/test_{kernels,packages,service_journal,settings}.py
    tests/chroot/test_{enable_packages,journal,kdump_config,kickstart_scripts,onefile}.py
    tests/lab
)
run "Debian's libraries" /usr/bin/python3 -p no:cacheprovider --numprocesses=2 "${once[@]/#/--ignore=}" "$@"
run "PyPI's libraries" "$venv/bin/python" --numprocesses=2 --dist=worksteal --durations=10 "$@"

echo
((status == 0 || failed > 0)) || failed=1 # pytest itself failed
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
