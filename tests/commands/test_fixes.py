"""The fix of every warning, error and finding: as a command, it is accepted, and it is not refused."""

from pathlib import Path
from shlex import join
from typing import Any

import click
import pytest
from commands.test_fixtures import CASES, FIXTURES, TREES, copy_of, machine_options
from support.answered import Run, answer

from grubkd.cli import main
from grubkd.commands.group import group
from grubkd.errors import Notice
from grubkd.render import fix

ALL_TREES = [
    *TREES,
    *sorted(path.parent for part in ("rules", "owners") for path in FIXTURES.glob(f"{part}/*/show.json")),
]
REFUSED = [case for case in CASES if (case / "exit").read_text().strip() != "0"]


def fixed(answer: Any) -> list[dict[str, Any]]:
    """Everything in an answer that has a fix."""
    rows = [row for key in ("warnings", "errors", "checks") for row in answer.get(key, [])]
    return [*rows, *([answer["error"]] if "error" in answer else [])]


def ran(*arguments: str) -> Run:
    return answer(lambda: main(arguments))


def options_of(verb: str) -> set[str]:
    command = group.get_command(click.Context(group), verb)
    assert command is not None
    return {name for parameter in command.params for name in parameter.opts}


@pytest.mark.parametrize("tree", ALL_TREES, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_a_command_is_accepted_and_not_refused(tree: Path, tmp_path: Path) -> None:
    """With the RAM of the machine and without; whatever the tree says is wrong."""
    root = str(copy_of(tree, tmp_path))
    tried = set()
    for known in (machine_options(tree), []):
        for verb in ("show", "check"):
            for each in fixed(ran(verb, "--root", root, *known, "--json").json):
                for command in each["fix_commands"]:
                    assert join(command) in each["fix"]
                    if command[0] != "grubkd":
                        assert command[:2] == ["chroot", root]
                    elif tuple(command) not in tried:
                        tried.add(tuple(command))
                        dry = ["--dry-run"] if "--dry-run" in options_of(command[1]) else []
                        done = ran(*command[1:], *dry)
                        assert done.exit not in (2, 4), (each, done.text, done.stderr)


@pytest.mark.parametrize("verb", fix.TAKES)
def test_a_fix_passes_on_each_option_that_its_verb_has(verb: str) -> None:
    about_the_machine = {"--root", "--ram", "--arch", "--this-machine", "--grub-cfg"}
    assert set(fix.TAKES[verb]) == options_of(verb) & about_the_machine


def test_a_command_is_for_the_tree_and_the_machine_of_the_run() -> None:
    notice = Notice(
        "a-code",
        "what",
        "run grubkd set 256M, then systemctl enable 'a b'; grubkd plan --explain says why",
        commands=(("grubkd", "set", "256M"), ("systemctl", "enable", "a b")),
    )
    fix.given("--root", "/a tree")
    fix.given("--ram", "4G")
    fix.given("--grub-cfg", "/boot/grub/grub.cfg")
    try:
        said, commands = fix.of(notice)
    finally:
        fix.forget()
    assert commands == (
        ("grubkd", "set", "--root", "/a tree", "--ram", "4G", "--grub-cfg", "/boot/grub/grub.cfg", "256M"),
        ("chroot", "/a tree", "systemctl", "enable", "a b"),
    )
    assert said == (
        "run grubkd set --root '/a tree' --ram 4G --grub-cfg /boot/grub/grub.cfg 256M, then "
        "chroot '/a tree' systemctl enable 'a b'; grubkd plan --root '/a tree' --ram 4G --explain says why"
    )
