"""extlinux and syslinux: labels, the arguments they share, and what an edit of one of them does."""

from pathlib import Path

import pytest
from hypothesis import given
from support import laws
from support.machine import Machine

from grubkd.boot.document import Assignment, Document, Image, Slot, Stanza, Word
from grubkd.boot.loaders import extlinux
from grubkd.errors import NotUnderstood

FILE = "/boot/extlinux/extlinux.conf"
MENU = """\
Default linux
append ro quiet
label linux
\tmenu label ^Linux 6.1
\tKERNEL /vmlinuz-6.1.0-50-amd64
\tappend initrd=/initrd.img-6.1.0-50-amd64 root=/dev/vda1 crashkernel=64M
\ttext help
append is no statement here
\tendtext
LABEL shares
\tLINUX /vmlinuz-6.1.0-44-amd64
\tINITRD /initrd.img-6.1.0-44-amd64
label none
\tlinux /vmlinuz-6.1.0-50-amd64
\tappend -
label disk
\tlocalboot 0x80
"""


def test_a_whole_menu() -> None:
    shared = Slot(FILE, "extlinux", "APPEND", 21, 29, 2, (Word(21, 23, "ro"), Word(24, 29, "quiet")))
    found = extlinux.parse_menu(FILE, MENU)
    assert found.assignments == (Assignment("append", shared, extends=False),)
    assert found.settings == {"default": "linux"}
    assert [(stanza.id, stanza.title, stanza.line, stanza.initrds) for stanza in found.stanzas] == [
        ("linux", "Linux 6.1", 3, ("/initrd.img-6.1.0-50-amd64",)),
        ("shares", "shares", 10, ("/initrd.img-6.1.0-44-amd64",)),
        ("none", "none", 13, ()),
        ("disk", "disk", 16, ()),
    ]
    assert found.stanzas[3] == Stanza("disk", 16, (), (), "disk", ((3, "disk", "disk"),))


def test_a_document_without_labels() -> None:
    assert extlinux.parse_menu(FILE, "# nothing\n")._replace(default=None) == Document(FILE, "extlinux")


def test_arguments_of_a_label_are_where_they_are_said_to_be() -> None:
    slot = extlinux.parse_menu(FILE, MENU).stanzas[0].images[0].slots[0]
    assert MENU[slot.start : slot.end] == "initrd=/initrd.img-6.1.0-50-amd64 root=/dev/vda1 crashkernel=64M"
    assert [MENU[word.start : word.end] for word in slot.words] == [word.text for word in slot.words]


@pytest.mark.parametrize(
    ("fault", "line", "column"),
    [
        ("kernel-without-path", 3, 3),
        ("nul-byte", 3, 12),
        ("help-without-end", 2, 3),
    ],
)
def test_what_is_not_understood_is_refused(fault: str, line: int, column: int) -> None:
    text = (laws.INVALID / "extlinux" / fault).read_bytes().decode("latin-1")
    with pytest.raises(NotUnderstood) as caught:
        extlinux.parse_menu(FILE, text)
    assert caught.value.place
    assert (caught.value.place.line, caught.value.place.column) == (line, column)


PIECES = (
    "label a\n",
    "  kernel /vmlinuz\n",
    "append ",
    "APPEND - ",
    "default a",
    "menu label ^x\n",
    "text help\n",
    "endtext\n",
    "\n",
)


@given(laws.texts(*PIECES))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        document = extlinux.parse_menu(FILE, text)
    except NotUnderstood as problem:
        assert problem.place
        assert 1 <= problem.place.line <= text.count("\n") + 1
        assert problem.place.column >= 1
        return
    images: list[Image] = [image for stanza in document.stanzas for image in stanza.images]
    for slot in [slot for image in images for slot in image.slots]:
        for word in slot.words:
            assert text[word.start : word.end] == word.text


@pytest.fixture
def menu(machine: Machine) -> Path:
    """The file of the machine's menu."""
    return machine.write(FILE, MENU)


def test_all_labels_get_the_value_and_rollback_gives_the_bytes_back(machine: Machine, menu: Path) -> None:
    machine.run("set", "256M")
    assert menu.read_text() == MENU.replace("ro quiet\n", "ro quiet crashkernel=256M\n").replace(
        "crashkernel=64M", "crashkernel=256M"
    ).replace("append -", "append crashkernel=256M")
    assert machine.run("set", "256M")["changed"] is False
    machine.run("rollback")
    assert menu.read_text() == MENU


def test_one_label_takes_the_shared_arguments_with_it(machine: Machine, menu: Path) -> None:
    answer = machine.run("set", "256M", "--kernel", "shares")
    assert [warning["code"] for warning in answer["warnings"]] == ["shared-slot"]
    linux = "\tLINUX /vmlinuz-6.1.0-44-amd64\n"
    assert menu.read_text() == MENU.replace(linux, f"{linux}\tAPPEND ro quiet crashkernel=256M\n")
    assert machine.lines()[:3] == ["root=/dev/vda1 crashkernel=64M", "ro quiet crashkernel=256M", ""]


def test_the_default_is_the_label_that_default_names(machine: Machine, menu: Path) -> None:
    assert [entry["default"] for entry in machine.run("show")["entries"]] == [True, False, False, False]


def test_a_generator_is_named_that_would_undo_it(machine: Machine, menu: Path) -> None:
    (machine.top / "usr/sbin").mkdir(parents=True)
    (machine.top / "usr/sbin/u-boot-update").touch()
    warnings = machine.run("show")["warnings"]
    assert "U_BOOT_PARAMETERS" in next(each["fix"] for each in warnings if each["code"] == "lost-at-regeneration")


def test_an_initrd_among_the_shared_arguments_is_each_labels(machine: Machine, menu: Path) -> None:
    """And stays so when one label takes the shared arguments with it."""
    menu.write_text("append initrd=/i.img ro\nlabel a\nlinux /vmlinuz-6.1.0-1\nlabel b\nlinux /vmlinuz-6.1.0-1\n")
    assert [entry["initrd"] for entry in machine.run("show")["entries"]] == [["/i.img"]] * 2
    machine.run("set", "256M", "--kernel", "a")
    assert [entry["initrd"] for entry in machine.run("show")["entries"]] == [["/i.img"]] * 2
