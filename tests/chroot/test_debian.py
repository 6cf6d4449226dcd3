"""A real Debian 12: what grubkd writes and what Debian's own update-grub then generates agree.

`./test.sh --all tests/chroot` runs these alone. The first run takes a minute more, for debootstrap.
"""

import os
from pathlib import Path

import pytest
from bookworm import Bookworm

pytestmark = pytest.mark.long

DEFAULT = "etc/default/grub"
DROP_IN = "etc/default/grub.d/kdump-tools.cfg"


def values(debian: Bookworm) -> dict[str, list[str]]:
    """Title -> crashkernel values, of every Linux entry."""
    return {entry["title"]: entry["crashkernel"] for entry in debian.grubkd("show")["entries"] if entry["linux"]}


def check_agreement(debian: Bookworm, *arguments: str) -> dict[str, str]:
    """`set`, then update-grub: no entry's line changes; `set` again: nothing to change. Returns the lines."""
    before = debian.lines()
    assert debian.grubkd("set", *arguments)["changed"]
    wanted = debian.lines()
    assert wanted != before
    debian.update_grub()
    assert debian.lines() == wanted
    again = debian.grubkd("set", *arguments)
    assert (again["changed"], again["files"], again["transaction"]) == (False, [], None)
    return wanted


def test_show_reads_what_update_grub_made(debian: Bookworm) -> None:
    shown = debian.grubkd("show")
    assert shown["errors"] == []
    linux = [entry for entry in shown["entries"] if entry["linux"]]
    assert [entry["rescue"] for entry in linux] == [False, False, True]
    assert [entry["crashkernel"] for entry in linux] == [["384M-:128M"], ["384M-:128M"], []]
    assert [entry["title"].split()[0] for entry in shown["entries"] if not entry["linux"]] == ["Memory", "Memory"]


@pytest.mark.parametrize(
    "value", [["256M"], ["256M,high", "72M,low"], ["512M-2G:64M,2G-:256M"], ["--auto", "--ram", "4G"]]
)
def test_with_the_drop_in_of_kdump_tools(debian: Bookworm, value: list[str]) -> None:
    """The drop-in has the value: the entries that it feeds get the new one, the recovery entry still has none."""
    if value[0] == "--auto":
        drop_in = debian.path / DROP_IN
        drop_in.write_text(drop_in.read_text().replace("384M-:128M", "1M"))
        debian.update_grub()
    check_agreement(debian, *value)
    wanted = ["384M-:128M"] if value[0] == "--auto" else value
    assert sorted(map(tuple, values(debian).values())) == [(), tuple(wanted), tuple(wanted)]
    assert "crashkernel" not in debian.read(DEFAULT)


def test_without_the_drop_in(debian: Bookworm) -> None:
    """No file has a value: GRUB_CMDLINE_LINUX gets it, which feeds the recovery entry too."""
    (debian.path / DROP_IN).unlink()
    debian.update_grub()
    check_agreement(debian, "256M")
    assert set(map(tuple, values(debian).values())) == {("256M",)}


def test_the_edited_file_is_the_generated_one(debian: Bookworm) -> None:
    """Not only the lines agree: a generator that runs after `set` changes no byte."""
    debian.grubkd("set", "256M")
    edited = debian.read("boot/grub/grub.cfg")
    assert debian.update_grub() == edited


def test_unset(debian: Bookworm) -> None:
    assert debian.grubkd("unset")["changed"]
    assert set(map(tuple, values(debian).values())) == {()}
    wanted = debian.lines()
    debian.update_grub()
    assert debian.lines() == wanted
    assert not debian.grubkd("unset")["changed"]


ARGUMENTS = [
    "console=ttyS0,115200n8",
    'dyndbg="file a.c +p"',
    "x=a;b",
    "x=a|b&c",
    "x=$(reboot)",
    "x=`reboot`",
    "x=$HOME",
    "x=${HOME}",
    "x=it's",
    "x=a\\b",
    "x={a}",
    "x=a*b?c",
    "x=#a",
    "a,b=1:2",
]


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_arguments_survive_the_generator(debian: Bookworm, argument: str) -> None:
    """The kernel gets the argument as given, through the shell of update-grub and the script that it makes; or the
    format cannot contain it, and nothing is written."""
    done = debian.grubkd("set", "--arg", argument, "--dry-run", status=None)
    if "error" in done:
        assert (done["exit"], done["error"]["code"]) == (4, "cannot-hold")
        return
    lines = check_agreement(debian, "--arg", argument)
    received = '"dyndbg=file a.c +p"' if argument.startswith("dyndbg") else argument  # both mean the same
    assert [title for title, line in lines.items() if f" {received} " in f"{line} "] == list(values(debian))
    checked = debian.run("grub-script-check", "/boot/grub/grub.cfg")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_an_entry_set_alone_is_lost_at_the_next_run(debian: Bookworm) -> None:
    """The warning says so."""
    before = debian.lines()
    done = debian.grubkd("set", "256M", "--kernel", "0")
    assert "lost-at-regeneration" in [warning["code"] for warning in done["warnings"]]
    assert debian.lines() != before
    debian.update_grub()
    assert debian.lines() == before


def test_rollback_takes_it_back_to_what_the_generator_made(debian: Bookworm) -> None:
    before = {name: debian.read(name) for name in ("boot/grub/grub.cfg", DEFAULT, DROP_IN)}
    debian.grubkd("set", "256M")
    debian.grubkd("rollback")
    assert {name: debian.read(name) for name in before} == before
    assert debian.update_grub() == before["boot/grub/grub.cfg"]


def test_a_kernel_installed_later_gets_the_value(debian: Bookworm) -> None:
    """Only its boot files are there: update-grub looks at their names."""
    debian.grubkd("set", "256M")
    copies = []
    for file in sorted((debian.path / "boot").glob("*-6.1.0-*")):
        copies.append(file.with_name(file.name.replace("6.1.0-", "6.1.999-")))
        os.link(file, copies[-1])
    try:
        debian.update_grub()
        newer = {title: found for title, found in values(debian).items() if "6.1.999" in title and "recov" not in title}
        assert list(newer.values()) == [["256M"]]
        assert not debian.grubkd("set", "256M")["changed"]
    finally:
        for copy in copies:
            copy.unlink()


@pytest.mark.parametrize("drop_in", [True, False])
def test_regenerate_leaves_the_generator_nothing_to_do(debian: Bookworm, drop_in: bool) -> None:
    """grubkd runs Debian's grub-mkconfig itself: the menu is the generator's, to the byte."""
    if not drop_in:
        (debian.path / DROP_IN).unlink()
    done = debian.grubkd("set", "256M", "--regenerate")
    assert {file["path"] for file in done["files"]} == {"/boot/grub/grub.cfg", f"/{DROP_IN if drop_in else DEFAULT}"}
    assert [found for found in values(debian).values() if found] == [["256M"]] * (2 if drop_in else 3)
    generated = debian.read("boot/grub/grub.cfg")
    assert debian.update_grub() == generated
    assert not debian.grubkd("set", "256M", "--regenerate")["changed"]


def test_regenerate_rolls_back(debian: Bookworm) -> None:
    before = debian.read("boot/grub/grub.cfg")
    debian.grubkd("set", "256M", "--regenerate")
    assert debian.read("boot/grub/grub.cfg") != before
    debian.grubkd("rollback")
    assert debian.read("boot/grub/grub.cfg") == before


def test_the_host_is_not_touched(debian: Bookworm) -> None:
    host = Path("/etc/default/grub")
    before = (host.read_bytes(), host.stat()) if host.exists() else None
    debian.grubkd("set", "256M")
    assert ((host.read_bytes(), host.stat()) if host.exists() else None) == before
