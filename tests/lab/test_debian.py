"""A real Debian: grubkd runs in it, update-grub runs before and after, and its own GRUB boots it."""

from pathlib import Path

import pytest

from lab import whole
from lab.debian import DROP_IN, Debian, install
from lab.kernels import KERNELS
from lab.packages import Unavailable
from lab.prediction import compare, size_fits
from lab.report import part, parts, reports
from lab.whole import answer

pytestmark = pytest.mark.lab

# The drop-in of kdump-tools decides; `set` must win over it.
FILES = (("etc/default/grub.d/kdump-tools.cfg", DROP_IN),)
CHANGE = """report
section generated
update-grub 2>/dev/null
section set
grubkd set 192M --json
section show
grubkd show --json
section predict
grubkd predict --json
section written
sha256sum /boot/grub/grub.cfg
"""
AGAIN = """report
section generate
update-grub && echo generated
section regenerated
sha256sum /boot/grub/grub.cfg
section unchanged
grubkd set 192M --json
"""


CRASH = """if [ -e /proc/vmcore ]; then
    section capture
    date=$(date +%Y%m%d%H%M)
    mkdir -p "/var/crash/$date"
    makedumpfile --dump-dmesg --message-level 1 /proc/vmcore "/var/crash/$date/dmesg.$date" &&
        makedumpfile -l -d 31 --message-level 1 /proc/vmcore "/var/crash/$date/dump.$date"
    echo "saved $?"
else
    report
    section without
    grubkd crash --yes-crash-now 2>&1
    echo "exit $?"
    kexec -p /vmlinuz --initrd=/initrd.img --append="root=/dev/vda1 ro console=ttyS0,115200 init=/lab/init nr_cpus=1 \
irqpoll reset_devices panic=-1"
    section check
    grubkd check --json
    section crash
    grubkd crash --yes-crash-now
    section survived
fi
"""
LOOK = """section dumps
grubkd dumps --json
"""


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Debian:
    try:
        return install(tmp_path_factory.mktemp("debian"), FILES)
    except Unavailable as problem:
        pytest.skip(str(problem))


def test_what_set_wrote_boots_and_stays(debian: Debian) -> None:
    first = debian.boot(CHANGE)
    (before,) = reports(first.text)
    assert "crashkernel=384M-:128M" in before.cmdline
    assert before.size == 128 << 20
    assert answer(first.text, "set")["changed"], first.tail()
    shown, predicted = answer(first.text, "show"), answer(first.text, "predict")
    (entry,) = (each for each in shown["entries"] if each["default"])
    (foreseen,) = (each for each in predicted["entries"] if each["index"] == entry["index"])
    placement = foreseen["placement"]
    assert placement["status"] == "reserved", foreseen
    written = part(first.text, "written")
    for _ in range(2):
        done = debian.boot(AGAIN)
        (report,) = reports(done.text)
        assert report.cmdline == f"BOOT_IMAGE={entry['kernel']} {entry['cmdline']}"
        assert [list(each) for each in report.reserved] == placement["regions"]
        assert report.size == 192 << 20
        compared = compare(report, "x86_64")
        assert compared.outcome != "wrong", compared
        assert size_fits(report, compared.reserved)
        # From the changed sources the generator makes what grubkd made from its old output.
        assert "generated\n" in part(done.text, "generate"), done.tail()
        assert part(done.text, "regenerated") == written
        assert not answer(done.text, "unchanged")["changed"]


def test_crash_and_what_it_leaves(debian: Debian) -> None:
    """`crash` crashes the machine once a capture kernel is loaded; `dumps` then lists the dump."""
    debian.boot("grubkd set 256M\n")
    text = debian.boot(CRASH, 400).text
    (report,) = reports(text)
    assert report.size == 256 << 20
    assert "no capture kernel is loaded" in part(text, "without") and "exit 4\n" in part(text, "without"), text[-3000:]
    found = answer(text, "check")
    assert found["will_dump"]["now"], found
    assert "survived" not in dict(parts(text)) and "saved 0\n" in part(text, "capture"), text[-3000:]
    (dump,) = answer(debian.boot(LOOK).text, "dumps")["dumps"]
    assert dump["complete"] and dump["release"] == report.release, dump
    assert "sysrq triggered crash" in dump["panic"], dump


@pytest.mark.parametrize("name", ["6.1 x86_64", "6.12 x86_64"])
def test_the_whole_way(name: str, tmp_path: Path) -> None:
    """Debian 12 and 13: enable, reboot, crash, capture, reboot; then check, dumps, report, open and measure."""
    kernel = KERNELS[name]
    try:
        machine = whole.machine(tmp_path, kernel)
    except Unavailable as problem:
        pytest.skip(str(problem))
    text = whole.crashed(machine)
    found = whole.judged(text)
    assert found["status"] == "ok" and "left a whole dump: /var/crash/" in found["message"], found
    (dump,) = answer(text, "dumps")["dumps"]
    assert dump["complete"] and dump["release"] == kernel.release, dump
    assert dump["symbols"]["matched_by"] == "build-id", dump
    written = answer(text, "report")
    assert written["by"] == "crash", written["warnings"]
    assert "sysrq_handle_crash" in " ".join(written["stack"]), written
    assert written["release"] == kernel.release and written["modules"] and written["memory"], written
    assert "sysrq_handle_crash" in part(text, "open"), part(text, "open")
    # By the hook for the low-water mark, which ran in the capture kernel.
    (capture,) = answer(text, "measure")["captures"]
    assert capture["log"] == f"{dump['path']}/kexec-dmesg.log"
    assert 0 < capture["lowest_available_bytes"] < capture["memory_bytes"], capture
