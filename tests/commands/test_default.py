"""`grubkd default`: what it says of each layout, what it refuses, and its rollback after a boot changed the file."""

from pathlib import Path

import pytest
from commands.test_fixtures import FIXTURES, copy_of, run
from support.answered import answer
from support.livetree import Live, put

from grubkd.boot import inventory
from grubkd.change import default_entry
from grubkd.cli import main
from grubkd.errors import CannotHold, NoDefaultPlace

ID = "8d2f64c1b0a94e7f93c5d6e7f8091a2b-5.14.0-{}.x86_64"
NEW, OLD = ID.format("503.11.1.el9_5"), ID.format("427.13.1.el9_4")
BLOCK = "boot/grub2/grubenv"
LEGACY = "title one\n\tkernel /vmlinuz-1 ro\ntitle two\n\tkernel /vmlinuz-2 ro\n"
MENU = "menuentry a {\nlinux /v\n}\nmenuentry b {\nlinux /w\n}\n"
LABELS = "LABEL one\n  LINUX /vmlinuz-1\nLABEL two\n  LINUX /vmlinuz-2\n"
SNIPPETS = {f"boot/efi/loader/entries/debian-{n}.conf": f"title Debian\nlinux /{n}/linux\n" for n in "12"}
LOADER = "boot/efi/loader/loader.conf"
VARIABLE = "sys/firmware/efi/efivars/LoaderEntryDefault-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


def said(root: Path, *arguments: str) -> tuple[int, str, str]:
    done = answer(lambda: main(["default", "--root", str(root), *arguments]))
    return done.exit, done.text, done.stderr


def set_in(top: Path, files: dict[str, str | None], name: str, selector: str) -> str:
    """The text of a file after the entry became the default one."""
    put(top, files)
    status, _, story = said(top, selector)
    assert status == 0, story
    return (top / name).read_bytes().decode()


def test_it_is_shown_with_its_place() -> None:
    title = "Red Hat Enterprise Linux (5.14.0-503.11.1.el9_5.x86_64) 9.5 (Plow)"
    assert said(FIXTURES / "rhel-9" / "root") == (
        0,
        f"0  5.14.0-503.11.1.el9_5.x86_64  {title}\nkept in /boot/grub2/grubenv: saved_entry {NEW}\n",
        "",
    )
    shown = run(["default", "--root", str(FIXTURES / "rhel-9" / "root"), "--json"])
    assert shown.answer == {
        "version": 1,
        "default": {"index": 0, "id": NEW, "title": title, "version": "5.14.0-503.11.1.el9_5.x86_64"},
        "place": {"file": "/boot/grub2/grubenv", "variable": "saved_entry", "value": NEW},
        "reason": None,
        "warnings": [],
        "errors": [],
    }


def test_where_it_cannot_be_changed_it_is_shown_too() -> None:
    shown = run(["default", "--root", str(FIXTURES / "debian-12" / "root"), "--json"])
    assert (shown.exit, shown.answer["default"]["index"], shown.answer["place"]) == (0, 0, None)
    assert "the menu sets default=0" in shown.answer["reason"]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    root = copy_of(FIXTURES / "rhel-9", tmp_path)
    before = (root / BLOCK).read_bytes()
    status, text, _ = said(root, "1", "--dry-run")
    assert status == 0
    assert f"-saved_entry={NEW}\n+saved_entry={OLD}\n" in text
    title = "Red Hat Enterprise Linux (5.14.0-427.13.1.el9_4.x86_64) 9.5 (Plow)"
    assert text.endswith(f"entry 1 would boot by default: {title}\n")
    assert (root / BLOCK).read_bytes() == before
    assert not (root / "var/lib/grubkd").exists()


def test_grub_changes_its_block_at_boot_and_the_rollback_keeps_that(tmp_path: Path) -> None:
    root = copy_of(FIXTURES / "rhel-9", tmp_path)
    before = (root / BLOCK).read_bytes()
    assert said(root, "1")[0] == 0
    booted = (root / BLOCK).read_bytes().replace(b"boot_success=0", b"boot_success=1")
    (root / BLOCK).write_bytes(booted)
    back = run(["rollback", "--root", str(root), "--json"])
    assert (back.exit, back.answer["warnings"]) == (0, [])
    assert (root / BLOCK).read_bytes() == before.replace(b"boot_success=0", b"boot_success=1")


def test_the_rollback_says_that_it_replaces_a_later_default(tmp_path: Path) -> None:
    root = copy_of(FIXTURES / "rhel-9", tmp_path)
    assert said(root, "1")[0] == 0
    text = (root / BLOCK).read_bytes()
    (root / BLOCK).write_bytes(text.replace(f"saved_entry={OLD}".encode(), b"saved_entry=2").ljust(1024, b"#"))
    back = run(["rollback", "--root", str(root), "--json"])
    assert back.exit == 0
    assert [each["code"] for each in back.answer["warnings"]] == ["changed-since"]
    assert f"\nsaved_entry={NEW}\n".encode() in (root / BLOCK).read_bytes()


def test_the_rollback_takes_an_added_statement_away(tmp_path: Path) -> None:
    root = copy_of(FIXTURES / "debian-13-systemd-boot", tmp_path)
    before = (root / LOADER).read_bytes()
    assert said(root, "1")[0] == 0
    (root / LOADER).write_bytes(b"editor no\n" + (root / LOADER).read_bytes())
    assert run(["rollback", "--root", str(root), "--json"]).exit == 0
    assert (root / LOADER).read_bytes() == b"editor no\n" + before


def test_history_has_it_as_it_can_be_typed_again(tmp_path: Path) -> None:
    root = copy_of(FIXTURES / "rhel-9", tmp_path)
    assert said(root, "1")[0] == 0
    text = answer(lambda: main(["history", "--root", str(root)])).text
    assert text.endswith(f"  default  {OLD} by=given\n    /boot/grub2/grubenv\n")


def test_a_boot_that_takes_another_entry_once_is_named(tmp_path: Path) -> None:
    root = copy_of(FIXTURES / "rhel-9", tmp_path)
    text = (root / BLOCK).read_bytes()
    (root / BLOCK).write_bytes(text.replace(b"boot_success=0\n", b"next_entry=2\n"))
    shown = run(["default", "--root", str(root), "--json"])
    assert [each["code"] for each in shown.answer["warnings"]] == ["boots-once"]


def test_an_environment_block_without_the_variable_keeps_its_size(tmp_path: Path) -> None:
    root = copy_of(FIXTURES / "rhel-9", tmp_path)
    lines = (root / BLOCK).read_text().splitlines(keepends=True)
    (root / BLOCK).write_text("".join(each for each in lines if "saved_entry" not in each).ljust(1024, "#"))
    assert said(root, "1")[0] == 0
    made = (root / BLOCK).read_text()
    assert len(made) == 1024
    assert made.startswith(f"{lines[0]}{lines[2]}{lines[3]}saved_entry={OLD}\n##")


def test_a_menu_of_entries_with_ids(tmp_path: Path) -> None:
    root = copy_of(FIXTURES / "debian-12-plain", tmp_path)
    assert said(root, "0")[0] == 0
    text = (root / "boot/grub/grubenv").read_text()
    assert "\nsaved_entry=gnulinux-simple-e3f8a1f4-3a0a-4b8e-8b8c-1b7f3d0a9f52\n#" in text
    assert len(text) == 1024


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"default=0x0\n{LEGACY}", f"default=1\n{LEGACY}"),
        (f"default\t\t0 # no\n{LEGACY}", f"default\t\t1 # no\n{LEGACY}"),
        (LEGACY, f"default 1\n{LEGACY}"),
        (f"timeout 5\r\n{LEGACY}", f"timeout 5\r\ndefault 1\r\n{LEGACY}"),
        (f"default 1\n{LEGACY}", f"default 1\n{LEGACY}"),
    ],
)
def test_grub_legacy(tmp_path: Path, text: str, expected: str) -> None:
    assert set_in(tmp_path, {"boot/grub/menu.lst": text}, "boot/grub/menu.lst", "1") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"DEFAULT one\nONTIMEOUT one\n{LABELS}", f"DEFAULT one\nONTIMEOUT two\n{LABELS}"),
        (f"default One\n{LABELS}", f"default two\n{LABELS}"),
        (LABELS, f"DEFAULT two\n{LABELS}"),
    ],
)
def test_extlinux(tmp_path: Path, text: str, expected: str) -> None:
    name = "boot/extlinux/extlinux.conf"
    assert set_in(tmp_path, {name: text}, name, "1") == expected


@pytest.mark.parametrize(
    ("text", "selector", "expected"),
    [
        ("default debian-*\n", "0", "default debian-*\n"),
        ("default debian-*\n", "1", "default debian-1.conf\n"),
        ('timeout 3\ndefault "debian-2.conf"', "1", "timeout 3\ndefault debian-1.conf"),
        ("timeout 3", "1", "timeout 3\ndefault debian-1.conf\n"),
        ("default @saved\n", "1", "default debian-1.conf\n"),
    ],
)
def test_systemd_boot(tmp_path: Path, text: str, selector: str, expected: str) -> None:
    assert set_in(tmp_path, {**SNIPPETS, LOADER: text}, LOADER, selector) == expected


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"boot/grub/menu.lst": f"default saved\n{LEGACY}"}, "/boot/grub/default, which only its own tool writes"),
        ({"boot/extlinux/extlinux.conf": f"{LABELS}  MENU DEFAULT\n"}, "`MENU DEFAULT` in the label two decides"),
        ({"boot/extlinux/extlinux.conf": f"DEFAULT menu.c32\n{LABELS}"}, "DEFAULT names no label"),
        (SNIPPETS, "there is no loader.conf"),
        ({**SNIPPETS, LOADER: "preferred debian-2.conf\n"}, "`preferred` in loader.conf decides"),
        ({"boot/grub/grub.cfg": MENU}, "sets no default"),
        ({"boot/grub/grub.cfg": f"set default=$saved_entry\n{MENU}"}, "there is no environment block"),
        (
            {"etc/zipl.conf": "[defaultboot]\ndefaultmenu=m\n[a]\nimage=/v\n[b]\nimage=/w\n:m\n1=a\ntarget=/boot\n"},
            "the menu has no item for this section",
        ),
        ({"boot/refind_linux.conf": '"a" "ro"\n"b" "ro"\n'}, "default entry of refind"),
    ],
)
def test_a_layout_without_a_place_for_it(tmp_path: Path, files: dict[str, str | None], why: str) -> None:
    put(tmp_path, files)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    status, text, story = said(tmp_path, "1")
    assert (status, text) == (4, "")
    assert why in story
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_variable_of_bootctl_wins_on_the_running_system(tmp_path: Path) -> None:
    put(tmp_path, {**SNIPPETS, LOADER: "timeout 3\n", VARIABLE: "x"})
    root = Live(str(tmp_path))
    config = inventory.read(root)
    with pytest.raises(NoDefaultPlace) as raised:
        default_entry.plan(root, config, config.entries[1])
    assert raised.value.commands == (("bootctl", "set-default", "debian-1.conf"),)


def test_a_name_that_grub_would_split_is_refused(tmp_path: Path) -> None:
    menu = "set default=$saved_entry\nmenuentry a {\nlinux /v\n}\nmenuentry 'b > c' {\nlinux /w\n}\n"
    put(tmp_path, {"boot/grub/grub.cfg": menu, "boot/grub/grubenv": "# GRUB Environment Block\n".ljust(1024, "#")})
    root = Live(str(tmp_path))
    config = inventory.read(root)
    with pytest.raises(CannotHold, match="saved_entry cannot name entry 1"):
        default_entry.plan(root, config, config.entries[1])


def test_a_selector_of_two_entries(tmp_path: Path) -> None:
    put(tmp_path, {"boot/grub/menu.lst": LEGACY})
    status, _, story = said(tmp_path, "ALL")
    assert status == 4
    assert "'ALL' selects 2 entries: 0, 1" in story
