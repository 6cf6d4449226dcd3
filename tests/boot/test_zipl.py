"""zipl.conf and snippets that zipl reads: sections, the default, and the run of zipl that follows a change."""

import ctypes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import laws
from support.machine import Machine

from grubkd.boot.document import Document, Image, Slot, Stanza, Word
from grubkd.boot.loaders import zipl
from grubkd.boot.menuorder import gnu_compare
from grubkd.errors import CannotHold, NotUnderstood

FILE = "/etc/zipl.conf"
CONFIGURATION = """\
# a comment
[defaultboot]
defaultmenu = menu

:menu
    target = /boot
    2 = "linux"
    1 = old

[linux]
    target = /boot
    image = /boot/vmlinuz-6.12.57+deb13-s390x,0x10000
    parameters = root=/dev/dasda1 dyndbg="file a.c +p"\x20
    ramdisk = /boot/initrd.img-6.12.57+deb13-s390x
[old]
target=/boot
image=/boot/vmlinuz-5.10.0-30-s390x
parameters='root=/dev/dasda1 crashkernel=64M'
[bare]
target=/boot
\timage=/boot/vmlinuz-5.10.0-29-s390x
[dump]
dumpto=/dev/dasdb1
"""


def test_a_whole_configuration() -> None:
    found = zipl.parse_configuration(FILE, CONFIGURATION)
    at = CONFIGURATION.index("root=")
    words = (Word(at, at + 16, "root=/dev/dasda1"), Word(at + 17, at + 37, 'dyndbg="file a.c +p"'))
    slot = Slot(FILE, "zipl", "parameters", at, at + 37, 13, words)
    assert found.stanzas[0] == Stanza(
        title="linux",
        line=10,
        images=(Image("/boot/vmlinuz-6.12.57+deb13-s390x", (slot,), 12),),
        initrds=("/boot/initrd.img-6.12.57+deb13-s390x",),
        id="linux",
        nesting=((0, "linux", "linux"),),
    )
    assert [(stanza.id, stanza.line, len(stanza.images)) for stanza in found.stanzas[1:]] == [
        ("old", 15, 1),
        ("bare", 19, 1),
        ("dump", 22, 0),
    ]
    assert found.settings == {"default": "linux"}


@pytest.mark.parametrize(
    ("boot", "settings"),
    [
        ("[defaultboot]\ndefault=a", {"default": "a"}),
        ("[defaultboot]\ndefault='a b'\ndefaultauto\ntarget=/boot", {"default": "a b"}),
        ("[defaultboot]\ntarget=/boot\nprompt=1", {"default": ""}),
        ("[defaultboot]\ndefaultmenu=m\n:m\n1=a\n2=b\ndefault=2", {"default": "b"}),
        ("[defaultboot]\ndefaultmenu=m\n:m\n3=a\n2=b", {"default": "a"}),
        ("[defaultboot]\ndefaultmenu=m\n:m\n1=a\ndefault=7", {}),
        ("[defaultboot]\ndefaultmenu=n\n:m\n1=a", {}),
        (":m\n1=a", {}),
    ],
)
def test_what_boots_by_default(boot: str, settings: dict[str, str]) -> None:
    assert zipl.parse_configuration(FILE, boot)._replace(default=None) == Document(FILE, "zipl", settings=settings)


@pytest.mark.parametrize(
    ("fault", "line", "column"),
    [
        ("unknown-keyword", 6, 1),
        ("keyword-outside-section", 1, 1),
        ("quote-not-closed", 4, 12),
        ("text-behind-quote", 4, 12),
        ("parameters-twice", 5, 1),
        ("section-twice", 4, 1),
        ("blank-in-section-name", 1, 1),
        ("number-in-section", 2, 1),
        ("carriage-return", 1, 1),
        ("nul-byte", 3, 13),
        ("image-without-path", 2, 1),
    ],
)
def test_what_zipl_refuses_is_not_understood(fault: str, line: int, column: int) -> None:
    text = (laws.INVALID / "zipl" / fault).read_bytes().decode("latin-1")
    with pytest.raises(NotUnderstood) as caught:
        zipl.parse_configuration(FILE, text)
    assert caught.value.place
    assert (caught.value.place.line, caught.value.place.column) == (line, column)


@pytest.mark.parametrize(
    ("style", "argument"),
    [('"', 'x="a b"'), ("'", "x=it's"), ("", '"x=a b"'), ("", "x=${NAME}"), ('"', "a\nb"), ("'", "a b")],
)
def test_what_parameters_cannot_hold(style: str, argument: str) -> None:
    with pytest.raises(CannotHold):
        zipl.quote(Slot(FILE, "zipl", "parameters", 0, 0, 1, (), style=style), argument)


PIECES = (
    "[a]\n",
    ":m\n",
    "image=/vmlinuz\n",
    "parameters=",
    '"',
    "'",
    "1=a\n",
    "defaultauto\n",
    "[defaultboot]\n",
    "\n",
)


@given(laws.texts(*PIECES))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    laws.read_or_refused(zipl.FORMAT, FILE, text)


@given(st.sampled_from(['"', "'", ""]), laws.arguments)
def test_an_argument_that_is_held_comes_back(style: str, argument: str) -> None:
    text = f"[a]\nimage=/boot/vmlinuz\nparameters={style}ro{style}\n"
    slot = zipl.parse_configuration(FILE, text).stanzas[0].images[0].slots[0]
    try:
        raw = zipl.quote(slot, argument)
    except CannotHold:
        return
    made = text.replace("ro", raw)
    assert [word.text for word in zipl.parse_configuration(FILE, made).stanzas[0].images[0].slots[0].words] == [
        argument
    ]


NAMES = st.text(st.sampled_from("0129a.-"), max_size=6)


@given(NAMES, NAMES, NAMES)
def test_names_are_compared_as_the_c_library_does(start: str, one: str, other: str) -> None:
    expected = ctypes.CDLL(None).strverscmp((start + one).encode(), (start + other).encode())
    assert gnu_compare(start + one, start + other) == (expected > 0) - (expected < 0)


def test_all_sections_get_the_value_and_zipl_has_to_run(machine: Machine) -> None:
    file = machine.write(FILE, CONFIGURATION)
    answer = machine.run("set", "256M")
    assert answer["followups"] == [["zipl"]]
    assert file.read_text() == CONFIGURATION.replace('+p"', '+p" crashkernel=256M').replace("=64M", "=256M").replace(
        "5.10.0-29-s390x\n", "5.10.0-29-s390x\n\tparameters=crashkernel=256M\n"
    )
    again = machine.run("set", "256M")
    assert (again["changed"], again["followups"]) == (False, [])
    back = machine.run("rollback")
    assert back["followups"] == [["zipl"]]
    assert file.read_text() == CONFIGURATION


def test_an_argument_that_the_quotes_cannot_hold_is_refused(machine: Machine) -> None:
    text = CONFIGURATION.replace("'", '"')
    file = machine.write(FILE, text)
    error = machine.run("set", "--add-arg", 'dyndbg="file b.c +p"', "--kernel", "old", exit=4)["error"]
    assert (error["code"], error["line"]) == ("cannot-hold", 18)
    machine.run("set", "--add-arg", 'dyndbg="file b.c +p"', "--kernel", "bare")
    made = '5.10.0-29-s390x\n\tparameters=dyndbg="file b.c +p"\n'
    assert file.read_text() == text.replace("5.10.0-29-s390x\n", made)


def test_a_parmfile_is_shown_and_its_section_not_edited(machine: Machine) -> None:
    machine.write("/boot/parmfile", "root=/dev/dasda1\nquiet\n")
    text = "[defaultboot]\ndefault=a\n[a]\ntarget=/boot\nimage=/boot/vmlinuz\nparmfile=/boot/parmfile\nparameters=ro\n"
    file = machine.write(FILE, text)
    assert [entry["cmdline"] for entry in machine.run("show")["entries"]] == ["root=/dev/dasda1 quiet ro"]
    error = machine.run("set", "256M", exit=4)["error"]
    assert (error["code"], error["line"], "parmfile" in error["message"]) == ("refused", 3, True)
    assert file.read_text() == text
    assert machine.run("unset")["changed"] is False


def test_a_variable_of_zipl_is_told(machine: Machine) -> None:
    machine.write(FILE, "[a]\nimage=/boot/vmlinuz\nparameters=ro ${CRASH}\n")
    codes = [warning["code"] for warning in machine.run("show")["warnings"]]
    assert "zipl-variable" in codes


SNIPPET = "title {title}\nversion {version}\nlinux /vmlinuz-{version}\noptions root=/dev/dasda1 $kernelopts\n"


def snippets(machine: Machine, configuration: str) -> list[Path]:
    machine.write(FILE, configuration)
    return [
        machine.write(
            f"/boot/loader/entries/m-{version}.conf", SNIPPET.format(title=f"Linux {version}", version=version)
        )
        for version in ("5.14.0-9.el9.s390x", "5.14.0-70.el9.s390x")
    ]


def test_zipl_takes_snippets_as_they_stand_newest_first(machine: Machine) -> None:
    snippets(machine, "[defaultboot]\ndefaultauto\ntarget=/boot\n")
    machine.write("/boot/grub2/grubenv", "# GRUB Environment Block\nkernelopts=quiet\n".ljust(1024, "#"))
    entries = machine.run("show")["entries"]
    assert [(entry["id"], entry["default"], entry["cmdline"]) for entry in entries] == [
        ("m-5.14.0-70.el9.s390x", True, "root=/dev/dasda1 $kernelopts"),
        ("m-5.14.0-9.el9.s390x", False, "root=/dev/dasda1 $kernelopts"),
    ]


def test_the_default_is_named_by_its_title(machine: Machine) -> None:
    snippets(machine, "[defaultboot]\ndefaultauto\ntarget=/boot\ndefault=Linux 5.14.0-9.el9.s390x\n")
    assert [entry["default"] for entry in machine.run("show")["entries"]] == [False, True]


def test_sections_stand_before_snippets(machine: Machine) -> None:
    snippets(machine, "[defaultboot]\ntarget=/boot\n[own]\ntarget=/boot\nimage=/boot/vmlinuz\n")
    entries = machine.run("show")["entries"]
    assert [(entry["title"], entry["default"]) for entry in entries] == [
        ("own", True),
        ("Linux 5.14.0-70.el9.s390x", False),
        ("Linux 5.14.0-9.el9.s390x", False),
    ]


def test_zipl_has_to_run_only_for_what_it_reads(machine: Machine) -> None:
    first, second = snippets(machine, "[defaultboot]\ndefaultauto\ntarget=/boot\n")
    machine.write("/etc/kernel/cmdline", "root=/dev/dasda1\n")
    for file in (first, second):
        file.write_text(file.read_text().replace("$kernelopts", "crashkernel=256M"))
    answer = machine.run("set", "256M")
    assert [file["path"] for file in answer["files"]] == ["/etc/kernel/cmdline"]
    assert answer["followups"] == []
    assert machine.run("set", "300M", "--kernel", "0")["followups"] == [["zipl"]]


def test_a_second_options_line_stops_zipl(machine: Machine) -> None:
    first, _ = snippets(machine, "[defaultboot]\ndefaultauto\ntarget=/boot\n")
    first.write_text(first.read_text() + "options quiet\n")
    warnings = machine.run("show")["warnings"]
    assert [each["line"] for each in warnings if each["code"] == "options-not-read"] == [5]


def test_what_zipl_would_replace_is_not_written_into_a_snippet(machine: Machine) -> None:
    snippets(machine, "[defaultboot]\ndefaultauto\ntarget=/boot\n")
    assert machine.run("set", "--add-arg", "x=${NAME}", exit=4)["error"]["code"] == "cannot-hold"
