"""What the output of crash and the messages of a kernel say. The recorded outputs are of one dump of Debian 12."""

import re
from pathlib import Path

import pytest

from grubkd.machine.crash_facts import Facts, letters, of_crash, of_log

RECORDED = Path(__file__).parents[1] / "data" / "crash-report"
RELEASE = "6.1.0-50-cloud-amd64"
MODULES = ("virtio", "virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk")
OOPS = """\
[   12.345678] Modules linked in: nvidia(POE) ext4 mbcache [last unloaded: dummy]
[   12.345700] CPU: 3 PID: 99 Comm: cat Tainted: P           OE      5.10.0-32-amd64 #1 Debian 5.10.223-1
[   12.345800] Call Trace:
[   12.345801]  <TASK>
[   12.345802]  ? __die+0x1a/0x60
[   12.345803]  read_null+0x10/0x20 [dummy]
[   12.345804]  </TASK>
[   13.000000] Kernel panic - not syncing: Fatal exception
"""


def recorded(name: str) -> dict[str, str]:
    parts = re.split(r"(?m)^crash> (.*)\n", (RECORDED / name).read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(
    ("name", "frame", "modules"),
    [
        ("crash-8.0.2.txt", " #3 [ffffd02fc0013d90] sysrq_handle_crash at ffffffffa04a35f6", MODULES),
        ("drgn-0.3.0.txt", "#3  sysrq_handle_crash (drivers/tty/sysrq.c:155:2)", MODULES[::-1]),
    ],
)
def test_recorded(name: str, frame: str, modules: tuple[str, ...]) -> None:
    found = of_crash(recorded(name))
    assert found.stack
    assert found.log
    assert found.stack[3] == frame
    assert (len(found.log), found.log[-1]) == (39, "[    7.469879]  </TASK>")
    assert found == Facts(
        release=RELEASE,
        uptime=7,
        taint="",
        panic="Kernel panic - not syncing: sysrq triggered crash",
        task="PID 1 (init), CPU 0",
        stack=found.stack,
        log=found.log,
        modules=modules,
        memory=(216386 * 4096, 197284 * 4096),
    )


@pytest.mark.parametrize("missing", ["sys", "sys -t", "mach", "mod", "kmem -i", "log"])
def test_what_one_command_does_not_say_another_may(missing: str) -> None:
    """crash goes on after a command that fails. The messages have the release, the taint and the panic too."""
    found = of_crash(recorded("crash-8.0.2.txt") | {missing: f"{missing}: invalid kernel virtual address: 0\n"})
    assert found.stack
    assert (found.modules, found.memory) == (
        None if missing == "mod" else MODULES,
        None if missing in ("mach", "kmem -i") else (216386 * 4096, 197284 * 4096),
    )
    assert (found.release, found.taint) == (RELEASE, "")


def test_without_a_stack() -> None:
    """crash could not read the dump: what it says otherwise is not completed."""
    assert of_crash({"bt": "bt: seek error\n", "log": OOPS}) == Facts()
    assert of_crash({}) == Facts()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:07", 7), ("10 days, 14:14:39", 915279), ("1 days, 00:00:01", 86401), ("(unknown)", None), ("", None)],
)
def test_uptime(text: str, seconds: int | None) -> None:
    assert of_crash({"sys": f"      UPTIME: {text}\n"}).uptime == seconds


def test_taint() -> None:
    assert (letters(0), letters(0x201), letters(0x3000), letters(1 << 40)) == ("", "PW", "OE", "")


def test_an_oops() -> None:
    found = of_log(OOPS)
    assert (found.release, found.uptime, found.taint) == ("5.10.0-32-amd64", 13, "POE")
    assert found.stack == ("? __die+0x1a/0x60", "read_null+0x10/0x20 [dummy]")
    assert found.modules == ("nvidia", "ext4", "mbcache")
    assert (found.task, found.memory) == (None, None)


def test_whose_call_trace() -> None:
    """After the panic the first one is that of the task that panicked; others are of other CPUs."""
    other = "[   14.000000] Call Trace:\n[   14.000001]  idle+0x1/0x2\n"
    panic = "[   13.100000] Call trace:\n[   13.100001]  panic+0x1/0x2\n[   13.100002] Kernel Offset: 0x1\n"
    assert of_log(OOPS + panic + other).stack == ("panic+0x1/0x2",)
    assert of_log(other + OOPS).stack == ("? __die+0x1a/0x60", "read_null+0x10/0x20 [dummy]")
    old = "[<00000000aa3b1c2d>] ? panic+0x1/0x2\n ([<00000000aa3b1c2d>] x)\n"
    assert of_log(f"Call Trace:\n{old}").stack == ("[<00000000aa3b1c2d>] ? panic+0x1/0x2",)


@pytest.mark.parametrize("text", ["", "\n\n", "nothing of interest\n", "Call Trace:\n", "\0" * 5000, "[ 1.0] " * 9000])
def test_messages_without_facts(text: str) -> None:
    found = of_log(text)
    assert (found.release, found.taint, found.panic, found.stack, found.modules) == (None,) * 5


def test_the_last_messages_are_bounded() -> None:
    found = of_log("".join(f"[{number:5}.000000] {'x' * 2000}\n" for number in range(300)))
    assert found.log
    assert (len(found.log), found.log[0][:7], {len(line) for line in found.log}) == (100, "[  200.", {500})


def test_who_wrote_a_message_behind_its_time() -> None:
    """As makedumpfile 1.7.6 prints them; the console of the kernel has no blank there."""
    for blank in ("", " "):
        lines = ("Kernel panic - not syncing: sysrq triggered crash", "Call Trace:", " <TASK>", " panic+0x10f/0x2e1")
        found = of_log("".join(f"[  587.000000]{blank}[   T1020] {line}\n" for line in lines))
        assert (found.uptime, found.stack) == (587, ("panic+0x10f/0x2e1",))
