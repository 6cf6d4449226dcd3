"""What GRUB reads of a snippet's `options`: Fedora's blscfg.c (expand_val, field_append), GRUB 2.14's blsuki.c.

blscfg takes the first `options` line that it reads. It replaces each `$name` by the variable's value and a blank, and
drops a blank behind the name. It loses a text of one character beside a variable or alone, and does not know `${name}`.
The result is pasted unquoted into a script. Where nothing remains, it takes `default_kernelopts` (not in GRUB 2.14).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import words as kernel_words
from grubkd.boot.document import Slot, Word
from grubkd.boot.loaders import grub_script
from grubkd.boot.loaders.format import slots_of
from grubkd.errors import Notice, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.boot.document import Document, Stanza

FALLBACK = "default_kernelopts"

_PIECE = r"\$(?P<name>[A-Za-z0-9_]*)|[^$]+"
_SCRIPT = r"[\\';|&<>{}]"


class _Reading(NamedTuple):
    """The words of a line. `lost`: GRUB drops a character of it. `nothing`: it takes the fallback instead.

    `not_known`: why the result is not known, or "".
    """

    words: tuple[Word, ...]
    lost: bool = False
    nothing: bool = False
    not_known: str = ""


def as_read(document: Document, references: Mapping[str, tuple[Slot, ...]]) -> tuple[Document, list[Notice]]:
    """The snippet with what GRUB reads of it. `references`: the slots of the variables that are set."""
    notices: list[Notice] = []
    stanzas = tuple(_stanza(document, stanza, references, notices) for stanza in document.stanzas)
    return document._replace(stanzas=stanzas), notices


def _stanza(
    document: Document, stanza: Stanza, references: Mapping[str, tuple[Slot, ...]], notices: list[Notice]
) -> Stanza:
    if not stanza.images:
        return stanza
    image = stanza.images[0]
    for slot in image.slots:
        if slot.style == "not-grub" and slot.words:
            message = "GRUB does not read these options: it takes the first line of them, nothing behind an empty line"
            message += ", and a tab for a part of the key"
            hint = "join the options in one line, with a blank behind the key, above any empty line"
            notices.append(Notice("options-not-read", message, hint, Place(slot.file, slot.line)))
    readable = (*(slot for slot in image.slots if slot.style != "not-grub"), *slots_of([document], "options"))
    if not readable:
        message, hint = "GRUB does not read the `linux` line: it reads nothing behind an empty line", "remove that line"
        notices.append(Notice("snippet-not-shown", message, hint, Place(document.file, image.line)))
        return stanza._replace(images=())
    slot = readable[0]
    found = _read(slot, references)
    if found.lost:
        message, hint = "GRUB drops the single character beside a variable", "remove it, or put it before other options"
        notices.append(Notice("options-not-read", message, hint, Place(slot.file, slot.line)))
    words = found.words
    if found.nothing and FALLBACK in references:
        first = words[0] if words else Word(slot.start, slot.start, "")
        words = (first._replace(reference=FALLBACK), *(word._replace(text="", reference=None) for word in words[1:]))
    slot = slot._replace(words=words, style="grub-lossy" if found.lost else "grub")
    return stanza._replace(images=(image._replace(slots=(slot,)),), not_known=stanza.not_known or found.not_known)


def _read(slot: Slot, references: Mapping[str, tuple[Slot, ...]]) -> _Reading:
    raw = [" "] * (slot.end - slot.start)
    for word in slot.words:
        raw[word.start - slot.start : word.end - slot.start] = word.text
    text = "".join(raw)
    if "$" not in text and len(text) > 1 and not re.search(_SCRIPT, text):
        return _Reading(slot.words)
    found: list[Word] = []
    lost = nothing = behind_variable = gathered = False
    for piece in re.finditer(_PIECE, text):
        start, end = piece.span()
        if piece["name"] is not None:
            if not piece["name"]:
                return _Reading((), not_known="has a `$` that GRUB does not read as a variable")
            found.append(Word(slot.start + start, slot.start + end, piece.group(), piece["name"]))
            behind_variable, gathered = True, gathered or bool(references.get(piece["name"]))
            # blscfg gives up at this point if it has no text yet.
            nothing = nothing or (not gathered and text[end : end + 1] in ("", "$"))
            continue
        start += behind_variable and text[start] == " "
        gathered = gathered or end - start != 1
        if end - start == 1:
            lost = lost or text[start] != " "
            found += [Word(slot.start + start, slot.start + end, "")] if text[start] != " " else []
        elif end > start:
            if end < len(text) and text[end - 1] != " ":
                return _Reading((), not_known="joins a text and a variable")
            words = _words(text[start:end], slot.start + start)
            if words is None:
                return _Reading((), not_known="has options that GRUB takes as syntax of its script")
            found += words
    return _Reading(tuple(found), lost, nothing or not gathered)


def _words(text: str, offset: int) -> list[Word] | None:
    """The words of a text without variables; None if GRUB does not take all of it as arguments.

    They are the kernel's words. If GRUB's quotes split the text differently, the text stays as written.
    """
    if text.count('"') % 2:
        return None
    found = [
        word._replace(start=offset + word.start, end=offset + word.end)
        for word in kernel_words.words(text, 0, len(text))
    ]
    if not re.search(_SCRIPT, text):
        return found
    tokens, end = grub_script.words(text)
    if end != len(text):
        return None
    if [offset + token.start for token in tokens] != [word.start for word in found]:
        return found
    received = [grub_script.delivered(grub_script.unquoted(token.text)) for token in tokens]
    return [word._replace(text=text) for word, text in zip(found, received, strict=True)]
