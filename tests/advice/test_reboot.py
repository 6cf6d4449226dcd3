"""Whether set says that a reboot is needed: by what the running kernel was booted with, not by what was written."""

from pathlib import Path

import pytest
from support import answered, livetree
from support.livetree import MIB, Live

from grubkd.advice import PlanOptions
from grubkd.change.request import ArgChange, Verb
from grubkd.commands.setting import Request, answer
from grubkd.tree.root import Root

VALUE = "384M-:128M"


def asked(tree: Path, *values: str, dry_run: bool = False, arguments: tuple[ArgChange, ...] = ()) -> tuple[bool, bool]:
    """Of a run of set: whether files changed, or would; whether a reboot is required."""
    request = Request(
        "set", str(tree), (), PlanOptions(), values or None, arguments=arguments, dry_run=dry_run, json=True
    )
    found = answered.answer(lambda: answer(Live(str(tree)), request))
    assert found.exit == 0, found.text
    return found.json["changed"], found.json["reboot_required"]


def test_until_the_machine_was_rebooted(tmp_path: Path) -> None:
    tree = livetree.debian(tmp_path)
    assert asked(tree, VALUE) == (False, False)
    assert asked(tree, "256M", dry_run=True) == (True, True)
    assert asked(tree, VALUE, dry_run=True) == (False, False)
    assert asked(tree, "256M") == (True, True)
    assert asked(tree, "256M") == (False, True)
    livetree.put(tree, livetree.running("6.1.0-50-amd64", "quiet crashkernel=256M", 256 * MIB))
    assert asked(tree, "256M") == (False, False)


def test_back_to_what_was_booted(tmp_path: Path) -> None:
    tree = livetree.debian(tmp_path)
    assert asked(tree, "256M") == (True, True)
    assert asked(tree, VALUE) == (True, False)


@pytest.mark.parametrize(
    ("booted", "required"),
    [
        ("console=tty0 console=ttyS0", False),
        ("console=ttyS0 console=tty0", True),
        ("console=tty0", True),
        ('"console=tty0" crashkernel=1M console=ttyS0', False),
    ],
)
def test_other_arguments_alone(booted: str, required: bool, tmp_path: Path) -> None:
    tree = livetree.debian(tmp_path)
    livetree.put(tree, {"proc/cmdline": f"quiet {booted}\n"})
    consoles = ArgChange(Verb.SET, "console", ("console=tty0", "console=ttyS0"))
    assert asked(tree, arguments=(consoles,)) == (True, required)


def test_an_image_was_not_booted_from(tmp_path: Path) -> None:
    tree = livetree.debian(tmp_path)
    for values, expected in (("256M", (True, True)), ("256M", (False, False))):
        request = Request("set", str(tree), (), PlanOptions(), (values,), json=True)
        found = answered.answer(lambda request=request: answer(Root(str(tree)), request))
        assert (found.json["changed"], found.json["reboot_required"]) == expected
