"""What GRUB reads of the options of a snippet, compared with the index arithmetic of its blscfg.c."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.boot.document import Slot, Word
from grubkd.boot.loaders import bls, blscfg

FILE = "/boot/loader/entries/a-1.conf"
VALUES = {"set": "root=/dev/sda3 ro", "more": "quiet"}


def expanded(text: str, variables: Mapping[str, str]) -> str | None:
    """expand_val and field_append of rhboot/grub2 grub-core/commands/blscfg.c; None is their NULL."""
    buffer: str | None = None

    def append(start: int, end: int, *, variable: bool) -> None:
        nonlocal buffer
        piece = text[start : end + 1]
        if variable:
            if piece not in variables:
                return
            piece = variables[piece] + " "
        buffer = (buffer or "") + piece

    start, end, variable = 0, 0, False
    for at, character in enumerate(text):
        if character == "$":
            if start != end:
                append(start, end, variable=variable)
                if buffer is None:
                    return None
            variable, start = True, at + 1
        elif variable and not (character.isascii() and character.isalnum()) and character != "_":
            append(start, end, variable=True)
            variable, start = False, at + (character == " ")
        end = at
    if start != end:
        append(start, end, variable=variable)
        if buffer is None:
            return None
    return buffer


def read(options: str, variables: Mapping[str, str]) -> tuple[str, list[str] | None]:
    """Why the arguments are not known, and those that grubkd finds; None where the fallback boots."""
    document = bls.parse_snippet(FILE, f"linux /v\noptions {options}\n")
    slots = {name: (value_slot(name, value),) for name, value in variables.items()}
    (stanza,) = blscfg.as_read(document, {**slots, blscfg.FALLBACK: (value_slot(blscfg.FALLBACK, "fallback"),)})[
        0
    ].stanzas
    words: list[str] = []
    for word in stanza.images[0].slots[0].words:
        if word.reference == blscfg.FALLBACK:
            return stanza.not_known, None
        words += variables.get(word.reference, "").split() if word.reference else [word.text] if word.text else []
    return stanza.not_known, words


def value_slot(name: str, value: str) -> Slot:
    return Slot("/boot/grub2/grubenv", "grubenv", name, 0, len(value), 1, (Word(0, len(value), value),))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("$set", ["root=/dev/sda3", "ro"]),
        ("$set 3", ["root=/dev/sda3", "ro"]),
        ("x$set,y", ["root=/dev/sda3", "ro", ",y"]),
        ("$set 3 quiet", ["root=/dev/sda3", "ro", "3", "quiet"]),
        ("$unset", None),
        ("$unset $none", []),
        ("$unset ro", ["ro"]),
        ("ro $unset quiet", ["ro", "quiet"]),
    ],
)
def test_variables(options: str, words: list[str] | None) -> None:
    assert read(options, VALUES) == ("", words)
    made = expanded(options, VALUES)
    assert (made.split() if made is not None else None) == words


@pytest.mark.parametrize("options", ["${set} ro", "ro=$set", "a $ b", 'x="a $set b"', "ro; quiet"])
def test_what_is_not_known(options: str) -> None:
    reason, _ = read(options, VALUES)
    assert reason


@given(st.lists(st.sampled_from(["$set", "$more", "$unset", "ro", "x", ",y", " ", "  "]), min_size=1, max_size=8))
def test_grub_expands_the_same(pieces: list[str]) -> None:
    options = "".join(pieces).strip()
    if not options:
        return
    reason, words = read(options, VALUES)
    if not reason:
        made = expanded(options, VALUES)
        assert words == (made.split() if made is not None else None)
