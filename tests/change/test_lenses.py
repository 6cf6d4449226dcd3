"""The lenses: each takes apart what its format reads, and what Augeas gives back is what is written."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd import grammars
from grubkd.boot.document import Slot, Word
from grubkd.boot.loaders import FORMATS
from grubkd.change import edit
from grubkd.errors import CannotHold, NotUnderstood, Place

GRUB_CFG = "menuentry x {\n linux /vmlinuz %s\n}\n"
SHELL = "GRUB_CMDLINE_LINUX=%s\n"
SNIPPET = "linux /vmlinuz\noptions %s\n"
REFIND = '"x" "%s"\n'
OPTIONS = 'default_kernel_opts="%s"\n'
BLOCK = "# GRUB Environment Block\nkernelopts=%s\n"

# Format, the file with a slot in it, the text of the slot: what stays must stay as it is written.
WRITTEN = [
    ("bls", SNIPPET, "ro  quiet\tx"),
    ("bls", SNIPPET, 'dyndbg="file a.c  +p" ro'),
    ("bls", SNIPPET, 'a crashkernel=64M@16M" quiet  ro'),
    ("bls", SNIPPET, "caf\xe9=\xff a\xa0b x\x07y"),
    ("bls", SNIPPET, "a,b=1 x=*[/= # a:b=1"),
    ("grub-legacy", "title x\nkernel /vmlinuz %s\n", "ro  a\\\n  b\\\nc"),
    ("kernel-cmdline", "%s\n", 'ro\n# a "comment\n quiet\n\n  #more\nx #y'),
    ("extlinux", "LABEL x\n LINUX /vmlinuz\n APPEND %s\n", "ro  quiet"),
    ("zipl", "[x]\nimage=/vmlinuz\nparameters='%s'\n", 'ro  a="b c"'),
    ("grubenv", BLOCK, 'ro  a\\\\b "x  y"'),
    ("grub2", GRUB_CFG, "ro \\\n  a\\ b \"c  d\" 'e  f' g\\\nh $x ${y}  i"),
    ("grub2", 'set kernelopts="%s"\n', 'ro  a=\\"b  c\\" it\'s \\\n x'),
    ("grub2", "set kernelopts='%s'\n", 'ro  a="b  c"'),
    ("default-grub", SHELL, '"ro  \\"a=b  c\\" \\\n x"'),
    ("default-grub", SHELL, "'ro  \"a=b  c\"  x'"),
    ("default-grub", SHELL, '"foo="bar"  baz a=\'b  c\' d\\\\ e f\\ g"'),
    ("default-grub", SHELL, '"${GRUB_CMDLINE_LINUX:+$GRUB_CMDLINE_LINUX }a  b"'),
    ("default-grub", SHELL, "ro"),
    ("refind", REFIND, 'ro  dyndbg=""a  b"" x'),
    ("raspberrypi", "%s\n", 'ro  a="b c"'),
    ("armbian", "extraargs=%s\n", "ro  quiet"),
    ("shell-options", OPTIONS, 'ro  a=\\"b  c\\" it\'s x'),
    ("shell-options", "LINUX_OPTIONS='%s'\n", 'ro  a="b  c"'),
]


def slot_of(name: str, text: str) -> Slot:
    form = next(each for each in FORMATS if each.name == name)
    document = form.parse("/file", text)
    slots = [each.slot for each in document.assignments]
    slots += [slot for stanza in document.stanzas for image in stanza.images for slot in image.slots]
    return next(slot for slot in slots if slot.words)


def whole(name: str, template: str, inside: str) -> str:
    text = template % inside
    return text.ljust(1024, "#") if name == "grubenv" else text


def applied(text: str, slot: Slot, words: list[Word]) -> str:
    return edit.apply({"/file": text}, [(slot, words)])["/file"]


@pytest.mark.parametrize(("name", "template", "inside"), WRITTEN)
def test_words_that_stay_keep_their_bytes_and_their_blanks(name: str, template: str, inside: str) -> None:
    text = whole(name, template, inside)
    slot = slot_of(name, text)
    made = applied(text, slot, [*slot.words, Word(-1, -1, "crashkernel=1M")])
    end = slot.words[-1].end
    added = " crashkernel=1M"
    expected = text[: slot.start] + slot.before + text[slot.start : end] + added + slot.after + text[end:]
    assert made.rstrip("#") == expected.rstrip("#")


@pytest.mark.parametrize(("name", "template", "inside"), WRITTEN)
def test_a_word_that_takes_the_place_of_another_gets_its_blanks(name: str, template: str, inside: str) -> None:
    text = whole(name, template, inside)
    slot = slot_of(name, text)
    last = slot.words[-1]
    made = applied(text, slot, [*slot.words[:-1], Word(-1, -1, "crashkernel=1M")])
    expected = text[: slot.start] + slot.before + text[slot.start : last.start] + "crashkernel=1M" + slot.after
    assert made.rstrip("#") == (expected + text[last.end :]).rstrip("#")


WORDS = st.sampled_from(["ro", "a:b=1", "a,b=1", "ip=a::b", 'dyndbg="file a.c +p"', "x=*[/=", "caf\xe9=\xff", "#"])


@given(st.lists(WORDS, min_size=1, max_size=6), st.data())
def test_any_words_become_any_others(before: list[str], data: st.DataObject) -> None:
    text = SNIPPET % " ".join(before)
    slot = slot_of("bls", text)
    choice = st.one_of(st.sampled_from(slot.words), WORDS.map(lambda text: Word(-1, -1, text)))
    wanted = data.draw(st.lists(choice, max_size=6, unique_by=lambda word: (word.start, word.text)))
    made = applied(text, slot, wanted)
    assert made == (SNIPPET % " ".join(word.text for word in wanted) if wanted else "linux /vmlinuz\n")


QUOTED = (SHELL, 'set kernelopts="%s"\n', REFIND, OPTIONS)
FILES = st.sampled_from(
    [(name, template) for name, template, _ in WRITTEN if template not in QUOTED]
    + [("default-grub", "GRUB_CMDLINE_LINUX='%s'\n")]
)
PIECES = st.lists(st.sampled_from(["a", "b=1", " ", "  ", "\t", '"x y"', ' a="b  c" ', " crashkernel=1M ", "."]))


@given(FILES, PIECES)
def test_a_lens_finds_the_words_that_its_format_finds(file: tuple[str, str], pieces: list[str]) -> None:
    name, template = file
    text = whole(name, template, "ro " + "".join(pieces))
    slot = slot_of(name, text)
    made = applied(text, slot, [*slot.words, Word(-1, -1, "z=1")])
    end = slot.words[-1].end
    assert made.rstrip("#") == f"{text[:end]} z=1{text[end:]}".rstrip("#")


def test_the_lens_writes_the_blanks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for lens in Path(grammars.__path__[0]).glob("*.aug"):
        shutil.copy(lens, tmp_path)
    changed = tmp_path / "kernel_args.aug"
    changed.write_text(changed.read_text().replace('del blanks " "', 'del blanks "  "'))
    monkeypatch.setattr(grammars, "__path__", [str(tmp_path)])
    text = SNIPPET % "ro quiet"
    slot = slot_of("bls", text)
    new = [Word(-1, -1, "a=1"), Word(-1, -1, "b=2")]
    assert applied(text, slot, [*slot.words, *new]) == SNIPPET % "ro quiet  a=1  b=2"


@pytest.mark.parametrize("byte", ["\1", "\2", "\3", "\4"])
def test_bytes_that_augeas_cannot_carry_are_refused_with_their_place(byte: str) -> None:
    text = SNIPPET % f"ro x={byte} quiet"
    slot = slot_of("bls", text)
    with pytest.raises(CannotHold, match="control byte") as refusal:
        applied(text, slot, [*slot.words, Word(-1, -1, "crashkernel=1M")])
    assert refusal.value.place == Place("/file", 2, 14)


def test_such_a_byte_in_a_new_argument_is_refused() -> None:
    text = SNIPPET % "ro"
    slot = slot_of("bls", text)
    with pytest.raises(CannotHold, match="control byte"):
        applied(text, slot, [*slot.words, Word(-1, -1, "x=\1")])


def test_what_the_lens_does_not_take_is_refused_with_its_place() -> None:
    text = SNIPPET % 'ro cr="a b" x="c'
    slot = slot_of("bls", text)
    with pytest.raises(NotUnderstood) as refusal:
        applied(text, slot, [*slot.words, Word(-1, -1, "crashkernel=1M")])
    assert refusal.value.place is not None
    assert refusal.value.place.file == "/file"
    assert refusal.value.place.line == 2
