#!/bin/bash
# The lab's long tests: boot real kernels through real boot loaders, in QEMU's software emulation, and print tables.
# docs/lab.md explains them. Takes hours. Arguments go to pytest. Run as root on Debian 12; downloads are kept in
# /var/cache/grubkd-tests.
set -uo pipefail
cd "$(dirname "$0")" || exit
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD:$PWD/tests
. packaging/need.sh
. tests/lab/need.sh

need "${LAB_PACKAGES[@]}" "${LAB_LONG_PACKAGES[@]}" \
    python3-lark python3-click python3-augeas python3-psutil python3-pytest python3-hypothesis || exit

status=0
/usr/bin/python3 -m pytest -p no:cacheprovider -rfEs -m "lab or not lab" "${@:-tests/lab}" </dev/null || status=$?
/usr/bin/python3 -m lab
exit "$status"
