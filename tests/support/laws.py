"""The laws of every format, as functions for the tests of each format."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hypothesis import strategies as st

from grubkd.boot.document import Document, Slot
from grubkd.boot.loaders.format import Format
from grubkd.errors import NotUnderstood

INVALID = Path(__file__).parents[2] / "fixtures" / "invalid"

# The characters of arguments; difficult ones are more frequent than at random.
_PIECES = st.sampled_from(
    [*"ax=,:@\"$\\';|&<>{}#*?[`!~ \t\n\r\v\0\xa0\xff", "crashkernel", "dyndbg", '"a b"', '"a  b"', "$x", "${x}", "--"]
)
arguments = st.lists(_PIECES, max_size=6).map("".join)


def texts(*pieces: str) -> st.SearchStrategy[str]:
    """Texts made of lines and parts of lines of a format, and of any bytes."""
    anything = st.text(st.characters(max_codepoint=255), max_size=4)
    return st.lists(st.one_of(st.sampled_from(pieces), anything), max_size=12).map("".join)


def slots_of(document: Document) -> Iterator[Slot]:
    """Every slot of a document."""
    for stanza in document.stanzas:
        for image in stanza.images:
            yield from image.slots
    for assignment in document.assignments:
        yield assignment.slot


def read_or_refused(subject: Format, file: str, text: str) -> Document | None:
    """The document, with its spans checked, or None if the text was refused with its place."""
    try:
        document = subject.parse(file, text)
    except NotUnderstood as problem:
        place = problem.place
        assert place is not None
        assert place.file == file
        assert 1 <= place.line <= text.count("\n") + 1
        assert 1 <= place.column <= len(text.split("\n")[place.line - 1]) + 1
        return None
    for slot in slots_of(document):
        assert 0 <= slot.start <= slot.end <= len(text)
        assert slot.file == file
        assert 1 <= slot.line <= text.count("\n") + 1
        if slot.words:
            assert (slot.start, slot.end) == (slot.words[0].start, slot.words[-1].end)
            # Nothing is added around present words, but a value without quotes gets them.
            assert (slot.before, slot.after) in {("", ""), ('"', '"')}
        else:
            assert slot.start == slot.end
        at = slot.start
        for word in slot.words:
            assert at <= word.start < word.end
            at = word.end
    return document


def spliced(text: str, slot: Slot, words: Sequence[str]) -> str:
    """The text with these words in the slot."""
    return text[: slot.start] + slot.before + " ".join(words) + slot.after + text[slot.end :]


def keeps(subject: Format, text: str, pick: Callable[[Document], Slot], argument: str, *, file: str) -> None:
    """Check that an argument which quote accepts is read back: alone, and before and after the present words."""
    slot = pick(subject.parse(file, text))
    written = subject.quote(slot, argument)
    old = [text[word.start : word.end] for word in slot.words]
    kept = [word.text for word in slot.words]
    for words, expected in (
        ([written], [argument]),
        ([*old, written], [*kept, argument]),
        ([written, *old], [argument, *kept]),
    ):
        again = subject.parse(file, spliced(text, slot, words))
        assert [word.text for word in pick(again).words] == expected
