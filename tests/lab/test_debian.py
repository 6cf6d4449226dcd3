"""A real Debian: grubkd runs in it, update-grub runs before and after, and its own GRUB boots it."""

from dataclasses import dataclass

import pytest

from lab import whole
from lab.debian import DROP_IN, Debian, install
from lab.kernels import KERNELS, Kernel
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


@dataclass(frozen=True, slots=True)
class Crashed:
    """A machine after its test crash, its kernel, and what it then wrote."""

    machine: Debian
    kernel: Kernel
    text: str


@pytest.fixture(scope="module")
def tested(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Crashed:
    """With the kernel of that name. All tests of it use the machine, one after the other."""
    kernel = KERNELS[request.param]
    try:
        machine = whole.machine(tmp_path_factory.mktemp("whole"), kernel)
    except Unavailable as problem:
        pytest.skip(str(problem))
    return Crashed(machine, kernel, whole.crashed(machine))


@pytest.mark.parametrize("tested", ["6.1 x86_64", "6.12 x86_64"], indirect=True)
def test_the_whole_way(tested: Crashed) -> None:
    """Debian 12 and 13: enable, reboot, crash, capture, reboot; then check, dumps, report, open and measure."""
    kernel, text = tested.kernel, tested.text
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


@pytest.mark.parametrize("tested", ["6.1 x86_64"], indirect=True)
def test_a_reservation_that_is_too_small(tested: Crashed) -> None:
    """`check` warns of it, a failure is reported with the measured need, and `set --auto` then suffices."""
    machine = tested.machine
    machine.boot(whole.SMALL, whole.LONG)
    console = machine.boot(whole.CRASH, whole.LONG).text
    warned = [each["message"] for each in answer(console, "check")["checks"] if each["code"] == "near-need"]
    assert any("the running kernel reserves 72M, less than was needed" in each for each in warned), warned
    # The dump of the large reservation showed a larger need than the failure does.
    forgotten = f"rm -r /var/crash/2*\n{whole.with_console(console, whole.JUDGED + whole.MENDED)}"
    text = machine.boot(forgotten, whole.LONG).text
    found = whole.judged(text)
    assert found["status"] == "warning", found
    need = answer(text, "measure")["need"]
    assert need["ran_out_with_bytes"], need
    assert "72M was reserved for the capture kernel" in found["why"], found
    assert need["by"] in found["why"], found
    assert answer(text, "mended")["changed"], text[-3000:]
    machine.boot(whole.CRASH, whole.LONG)
    found = whole.judged(machine.boot(whole.JUDGED, whole.LONG).text)
    assert found["status"] == "ok", found
