import subprocess

import pytest
from hypothesis import given
from support import laws

from grubkd.boot.document import Assignment, Document, Slot, Word
from grubkd.boot.loaders import kernel_cmdline
from grubkd.errors import CannotHold, NotUnderstood, Place

FILE = "/etc/kernel/cmdline"


def the_slot(document: Document) -> Slot:
    return document.assignments[0].slot


def test_one_line() -> None:
    text = 'root=UUID=1f5fce98  ro dyndbg="file a.c +p" console=ttyS0,115200n8\n'
    words = (
        Word(0, 18, "root=UUID=1f5fce98"),
        Word(20, 22, "ro"),
        Word(23, 43, 'dyndbg="file a.c +p"'),
        Word(44, 66, "console=ttyS0,115200n8"),
    )
    slot = Slot(FILE, "kernel-cmdline", "cmdline", 0, 66, 1, words)
    assert kernel_cmdline.FORMAT.parse(FILE, text) == Document(
        FILE, "kernel-cmdline", assignments=(Assignment("cmdline", slot, extends=False),)
    )


def test_several_lines_with_comments_are_one_command_line() -> None:
    text = "\n# why\n  root=/dev/sda1 ro\r\n\t# crashkernel=64M\nquiet x#y\n# end"
    document = kernel_cmdline.parse_cmdline(FILE, text)
    slot = the_slot(document)
    assert [word.text for word in slot.words] == ["root=/dev/sda1", "ro", "quiet", "x#y"]
    assert (text[slot.start : slot.end], slot.line) == (
        "root=/dev/sda1 ro\r\n\t# crashkernel=64M\nquiet x#y",
        3,
    )
    assert [(notice.code, notice.place) for notice in document.warnings] == [("cmdline-comment", Place(FILE, 2, 1))]


def test_a_run_of_blanks_comes_out_as_one_in_quotes_too() -> None:
    slot = the_slot(kernel_cmdline.parse_cmdline(FILE, 'a="1\t \n# c\n2" b\n'))
    assert slot.words == (Word(0, 13, 'a="1 2"'), Word(14, 15, "b"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "ro\n"), ("\n", "\nro\n"), ("# c", "# c\nro\n"), (" \n", " \nro\n"), ("  ", "  \nro\n")],
)
def test_a_file_without_arguments_takes_them_on_a_line_of_their_own(text: str, expected: str) -> None:
    slot = the_slot(kernel_cmdline.parse_cmdline(FILE, text))
    assert slot.words == ()
    assert laws.spliced(text, slot, ["ro"]) == expected


def test_a_stray_quote_is_told_with_its_column() -> None:
    document = kernel_cmdline.parse_cmdline(FILE, 'ro\ncrashkernel=64M@16M" quiet\n')
    assert [word.text for word in the_slot(document).words] == ["ro", 'crashkernel=64M@16M"', "quiet"]
    assert [(notice.code, notice.place) for notice in document.warnings] == [("stray-quote", Place(FILE, 2, 20))]


def test_a_nul_byte_is_refused_with_its_place() -> None:
    text = (laws.INVALID / "kernel-cmdline" / "nul-byte").read_bytes().decode("latin-1")
    with pytest.raises(NotUnderstood) as raised:
        kernel_cmdline.parse_cmdline(FILE, text)
    assert raised.value.place == Place(FILE, 2, 6)


@pytest.mark.parametrize("argument", ["", "a b", 'a="1  2"', 'a="1\t2"', 'a="1\n2"', "#a", "a\0", 'a="1', "a\xa0b"])
def test_what_kernel_install_would_change_is_refused(argument: str) -> None:
    with pytest.raises(CannotHold):
        kernel_cmdline.quote(Slot(FILE, "kernel-cmdline", "cmdline", 0, 0, 1, ()), argument)


PIECES = ("root=/dev/sda1", "ro", " ", "\n", "\r\n", "\t", "# c", "#", '"', 'x="a b"', "\xa0")


@given(laws.texts(*PIECES))
def test_any_text_is_read_with_its_spans_or_refused_with_its_place(text: str) -> None:
    assert (laws.read_or_refused(kernel_cmdline.FORMAT, FILE, text) is None) == ("\0" in text)


@given(laws.arguments)
def test_what_quote_takes_is_read_back(argument: str) -> None:
    for text in ("", "ro quiet\n", "# c\nro\n# d\nx=1", "# c"):
        try:
            laws.keeps(kernel_cmdline.FORMAT, text, the_slot, argument, file=FILE)
        except CannotHold:
            return


@pytest.mark.parametrize(
    "text",
    ["ro quiet\n", " ro\t\tquiet ", "# c\nro\n \t# d\nquiet\nx#y\n#", "", "\n\n", 'x="a  b"\ny=1\n', 'x="a\n# c\nb" z'],
)
def test_the_words_are_those_that_kernel_install_writes(text: str) -> None:
    """By the pipeline that 90-loaderentry.install of systemd 257 runs."""
    script = r"""grep -Gv '^\s*#' | tr -s ' \t\n' ' '"""
    done = subprocess.run(["/bin/sh", "-c", script], input=text, text=True, capture_output=True, check=False)
    words = the_slot(kernel_cmdline.parse_cmdline(FILE, text)).words
    assert " ".join(word.text for word in words) == done.stdout.strip(" ")
