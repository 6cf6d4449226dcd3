"""Answers at terminals: they fit the width, nothing is lost with -v, and colours mean what they say."""

import re

import pytest
from support.machine import Machine
from support.terminal import TOP, at_terminal

from grubkd.render.tables import BAD, columns, fitted, mark, plain, shortened, table, wrapped

RHEL9 = TOP / "fixtures/rhel-9/root"
SHOW_80 = """\
grub2: /boot/grub2/grub.cfg, /etc/default/grub, /boot/grub2/grubenv
bls: 3 snippets in /boot/loader/entries, /etc/kernel/cmdline

   #  kernel                  crashkernel                       title
*  0  5.14.0-503..._5.x86_64  -                                 Red Hat...(Plow)
   1  5.14.0-427..._4.x86_64  1G-4G:192M,4G-64G:256M,64G-:512M  Red Hat...(Plow)
   2  0-rescue-8...7f8091a2b  1G-4G:192M,4G-64G:256M,64G-:512M  Red Hat...escue)
"""
SHOW_50 = """\
   #  kernel
    crashkernel
    title
*  0  5.14.0-503.11.1.el9_5.x86_64
    -
    Red Hat Enterprise Lin..._5.x86_64) 9.5 (Plow)
"""


def screen(columns: int, *arguments: str, **environment: str) -> str:
    return at_terminal(*arguments, "--root", str(RHEL9), "--color=never", columns=columns, **environment)


def too_wide(text: str, most: int) -> list[str]:
    """The lines that do not fit, but for those that hold a command to paste, which no line end may break."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    return [line for line in lines if columns(line) > most and "grubkd" not in line and "chroot" not in line]


@pytest.mark.parametrize("width", [50, 80])
@pytest.mark.parametrize("verb", ["show", "check", "plan --ram 4G"])
def test_every_line_fits(verb: str, width: int) -> None:
    shown = screen(width, *verb.split())
    assert len(shown.splitlines()) > 3
    assert too_wide(shown, width) == []


@pytest.mark.parametrize("width", [50, 80])
def test_what_set_says_fits(machine: Machine, width: int) -> None:
    machine.write("/boot/loader/entries/a.conf", "title A\nversion 6.1.0\nlinux /vmlinuz-6.1.0\noptions ro\n")
    shown = at_terminal("set", "256M", "--root", str(machine.top), columns=width)
    assert "changed /boot/loader/entries/a.conf" in shown
    assert too_wide(shown, width) == []


def test_the_screen_of_show() -> None:
    assert screen(80, "show").startswith(SHOW_80)
    assert SHOW_50 in screen(50, "show")


def test_columns_of_the_environment_count() -> None:
    assert screen(200, "show", COLUMNS="80").startswith(SHOW_80)


def test_a_terminal_without_a_width_has_80_columns() -> None:
    assert screen(0, "show").startswith(SHOW_80)


def test_verbose_prints_all() -> None:
    shown = screen(80, "show", "-v")
    assert "/boot/loader/entries/8d2f64c1b0a94e7f93c5d6e7f8091a2b-0-rescue.conf" in shown
    assert "Red Hat Enterprise Linux (5.14.0-503.11.1.el9_5.x86_64) 9.5 (Plow)" in shown


def test_verbose_shows_the_ids_that_select() -> None:
    identity = " 8d2f64c1b0a94e7f93c5d6e7f8091a2b-5.14.0-503.11.1.el9_5.x86_64"
    assert any(line.rstrip().endswith(identity) for line in screen(80, "show", "-v").splitlines())
    assert identity not in screen(80, "show")


def test_a_command_is_never_broken() -> None:
    shown = screen(50, "check")
    assert f"           -> grubkd set --root {RHEL9} --auto\n" in shown


@pytest.mark.parametrize(("locale", "drawn"), [("C", "#"), ("POSIX", "#"), ("C.UTF-8", "█")])
def test_the_c_locale_draws_ascii(locale: str, drawn: str) -> None:
    shown = screen(80, "plan", "--ram", "4G", "--map", LC_ALL=locale)
    assert drawn in shown
    assert shown.isascii() is (drawn == "#")


def test_red_is_what_is_wrong() -> None:
    tree = TOP / "fixtures/debian-12-plain/root"
    rows = at_terminal("show", "--root", str(tree)).splitlines()
    (wanted,) = (row for row in rows if row.startswith("*  1"))
    assert "\x1b[31m-\x1b[0m" in wanted
    recovery = [row for row in rows if "recovery mode" in row or "(rescue)" in row]
    assert recovery
    assert not any("\x1b[31m" in row for row in recovery)


def test_a_value_that_reserves_nothing_is_red(machine: Machine) -> None:
    machine.write(
        "/boot/loader/entries/a.conf",
        "title A\nversion 6.1.0-50-amd64\nlinux /vmlinuz-6.1.0-50-amd64\noptions ro crashkernel=auto\n",
    )
    shown = at_terminal("show", "--ram", "4G", "--arch", "x86_64", "--root", str(machine.top))
    assert "\x1b[31mauto\x1b[0m" in shown


def test_letters_of_east_asia_take_two_columns() -> None:
    assert columns("漢字") == 4
    assert columns("e\u0301") == 1
    assert columns(mark("漢", BAD)) == 2
    assert plain(table(("a", "b"), [("漢", "x"), ("yy", "z")])).splitlines()[1:] == ["漢  x", "yy  z"]
    assert shortened("漢字漢字漢字", 9) == "漢...字"


def test_wrapped_text_keeps_its_words() -> None:
    text = "one two  three /a/very/long/path/to/some/file four"
    with fitted(20):
        lines = wrapped(text, 2)
    assert lines == ["one two  three", "  /a/very/...me/file", "  four"]
    assert wrapped(text) == [text]
    assert plain("\ud807") == " "
