"""From findings to steps: which, in which order, and what is left."""

import pytest

from grubkd.advice.check import Report
from grubkd.advice.enable import SetupStep, State, left, no_crash, state, steps, with_value
from grubkd.advice.finding import Finding, Status
from grubkd.machine.packages import install
from grubkd.memory.vendors import Distribution


def problem(check: str, code: str, *commands: str) -> Finding:
    return Finding(
        check, Status.PROBLEM, f"{check} {code}", code, commands=tuple(tuple(each.split()) for each in commands)
    )


VALUE = problem("configured", "no-value", "grubkd set --auto")
MASKED = problem("service", "masked", "systemctl unmask kdump", "systemctl enable kdump")
UNMOUNTED = problem("boot", "boot-not-mounted", "mount -a")
NOT_LOADED = problem("loaded", "not-loaded", "systemctl restart kdump")
NO_MEMORY = problem("loaded", "not-loaded", "grubkd set --auto")
BOOTED = problem("booted", "booted-without", "systemctl reboot")
NO_KEY = problem("target", "no-key", "kdumpctl propagate")
NO_ROOM = problem("room", "no-room")


def commands(*findings: Finding) -> list[str]:
    return [" ".join(each.command) for each in steps(findings)]


def test_the_order_is_that_of_what_depends_on_what() -> None:
    assert commands(VALUE, NOT_LOADED, MASKED, UNMOUNTED) == [
        "mount -a",
        "systemctl unmask kdump",
        "systemctl enable kdump",
        "systemctl restart kdump",
        "grubkd set --auto",
    ]
    assert steps([VALUE]) == (SetupStep(("grubkd", "set", "--auto"), "configured no-value"),)


def test_each_command_is_there_once() -> None:
    assert commands(problem("service", "no-service", "dnf install", "systemctl enable kdump"), MASKED) == [
        "dnf install",
        "systemctl enable kdump",
        "systemctl unmask kdump",
    ]


def test_a_reboot_a_key_and_a_warning_are_no_steps() -> None:
    small = VALUE._replace(code="small", status=Status.WARNING)
    assert commands(BOOTED, NO_MEMORY, NO_KEY, NO_ROOM, small) == []
    off = VALUE._replace(code="off", status=Status.NOT_ASKED)
    assert commands(off) == ["grubkd set --auto"]


def test_what_is_left() -> None:
    """Neither a step, nor solved by a reboot, nor by the service at the next boot."""
    unloadable = problem("loaded", "load-barred")
    assert list(left([VALUE, BOOTED, NO_MEMORY, NO_KEY, NO_ROOM])) == [NO_KEY, NO_ROOM]
    assert list(left([VALUE, problem("loaded", "not-loaded")])) == []
    assert list(left([VALUE, unloadable])) == [unloadable]


def test_the_wanted_value_replaces_the_advised_one() -> None:
    wanted = problem("configured", "not-as-wanted", "grubkd set 256M")
    assert commands(*with_value([VALUE, MASKED], wanted))[-1] == "grubkd set 256M"
    assert with_value([VALUE, MASKED], None) == (MASKED,)


@pytest.mark.parametrize(
    ("now", "later", "live", "reboot", "staged", "expected"),
    [
        (True, True, True, False, False, State.READY),
        (True, True, True, True, False, State.REBOOT),
        (False, True, True, False, False, State.REBOOT),
        (None, True, False, False, False, State.READY),
        (False, False, True, False, False, State.INCOMPLETE),
        (False, False, True, False, True, State.REBOOT),
        (False, None, True, False, False, State.UNKNOWN),
    ],
)
def test_the_end(  # noqa: PLR0917 - a row
    now: bool | None, later: bool | None, live: bool, reboot: bool, staged: bool, expected: State
) -> None:
    report = Report((), now, later)
    assert state(report, [], live=live, reboot=reboot, staged=staged) is expected
    assert state(report, [NO_ROOM], live=live, reboot=reboot, staged=staged) is State.INCOMPLETE


@pytest.mark.parametrize(
    ("own", "version", "like", "expected"),
    [
        ("debian", (12,), (), ["apt-get update", "apt-get install -y crash"]),
        ("linuxmint", (21,), ("ubuntu", "debian"), ["apt-get update", "apt-get install -y crash"]),
        ("fedora", (42,), (), ["dnf install -y crash"]),
        ("rhel", (7, 9), ("fedora",), ["yum install -y crash"]),
        ("rocky", (9,), ("rhel", "centos", "fedora"), ["dnf install -y crash"]),
        ("sles", (15,), ("suse",), ["zypper --non-interactive install crash"]),
        ("arch", (), (), []),
    ],
)
def test_how_it_is_installed(own: str, version: tuple[int, ...], like: tuple[str, ...], expected: list[str]) -> None:
    distribution = Distribution(own, version, like, own)
    assert [" ".join(each) for each in install(distribution, "crash").commands] == expected
    assert commands(no_crash(distribution, image=False)) == expected
    assert commands(no_crash(distribution, image=True)) == []
