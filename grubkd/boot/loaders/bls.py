"""Boot Loader Specification type 1 snippets: /boot/loader/entries/*.conf and the same directory of an ESP.

The lines are read as GRUB's blscfg and systemd-boot read them alike: key, blanks, value. Where the two differ, the
line is refused or the caller, who knows the reader, decides:
- systemd-boot joins several `options` lines; GRUB (Fedora's blscfg, blsuki.c of GRUB 2.14) takes the first only, and
  reads no further than the first empty line or key without a value. Slots that it does not read have the style
  "not-grub".
- GRUB replaces `$name` in options by the value of its environment; systemd-boot hands it to the kernel.
- GRUB pastes options into a script; systemd-boot takes every byte as it stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.boot.loaders.format import Format
from grubkd.boot.model import Document, Image, Slot, Stanza
from grubkd.boot.words import held, quote_notice, with_references, words
from grubkd.errors import CannotHold, Notice, NotUnderstood, Place, place_at
from grubkd.parsing.grammar import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.parsing.grammar import Token
    from grubkd.tree.tree import Tree

DIRECTORIES = ("/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries")

# Keys that may stand without a value, which says nothing; any other line without one is not understood.
_KNOWN = frozenset(
    ("title", "version", "machine-id", "sort-key", "architecture", "initrd", "efi", "uki", "uki-url", "profile")
) | frozenset(
    ("devicetree", "devicetree-overlay", "options", "extra", "grub_users", "grub_arg", "grub_class", "grub_hotkey")
)
# What makes a snippet an entry; two of them would be two answers to one question.
_LOADS = frozenset(("linux", "efi", "uki", "uki-url"))
# Behind comments, without the blanks before it, carriage returns and empty lines that there may be.
_LINE = re.compile(
    r"(?:#[^\n]*+\n)*([^ \t\r\n\0#][^ \t\r\n\0]*+)[ \t]++([^ \t\r\n\0]++(?:[ \t]++[^ \t\r\n\0]++)*)[ \t]*+\n"
)
_KEY_END = re.compile("[ \t\r\n]")
_EMPTY_LINE = re.compile(r"\n[ \t\r]*\n")
_AS_SCRIPT = re.compile(r'"[^"$\\]*"|[^"$\\;|&<>{}\']')


def find(tree: Tree) -> tuple[str, ...]:
    """The snippets, directory by directory, each real file once.

    Readers take names that end in .conf and do not begin with a dot; a copy such as a.conf.bak is no entry.
    """
    found: dict[str, None] = {}
    for directory in DIRECTORIES:
        for name in tree.list(directory):
            if name.endswith(".conf") and not name.startswith("."):
                real = tree.resolve(f"{directory}/{name}")
                if real is not None:
                    found[real] = None
    return tuple(found)


def parse_snippet(file: str, text: str) -> Document:
    """What a snippet says: one stanza, or none where it loads nothing. Raises NotUnderstood.

    The stanza's id is the file name without .conf, a boot counter (`+3-1`) included. Its keys are those written, the
    last of a name, unknown ones too, which the specification has readers ignore. initrds leave out `$name` references.
    """
    ordinary = _ordinary(text)
    pairs = ordinary or [_pair(token) for token in parse("bls", text, file=file).tokens("PAIR")]
    _check(file, text, pairs)
    keys = {pair.key: pair.value for pair in pairs if pair.value}
    loads = [pair for pair in pairs if pair.key in _LOADS]
    name = file.rpartition("/")[2].removesuffix(".conf")
    if not loads:
        message = "the snippet loads no kernel: no boot loader shows it as an entry"
        hint = "remove it, or give it a `linux` line"
        return Document(file, "bls", warnings=(Notice("empty-snippet", message, hint, Place(file)),))
    images: tuple[Image, ...] = ()
    warnings: list[Notice] = []
    if loads[0].key == "linux":
        end = len(text) if ordinary else _grub_ends(text, pairs)
        options = [pair for pair in pairs if pair.key == "options"]
        slots = tuple(
            _slot(file, text, pair, "not-grub" if pair is not options[0] or pair.key_start > end else "")
            for pair in options
        )
        images = (Image(loads[0].value, slots or (_absent(file, text, loads[0]),), loads[0].line(text)),)
        for slot in slots:
            notice = quote_notice(file, text, slot.start, slot.end)
            warnings += [notice] if notice else []
    title = next((pair for pair in pairs if pair.key == "title" and pair.value), None)
    stanza = Stanza(
        title=title.value if title else name,
        line=1,
        images=images,
        initrds=_initrds(pairs),
        id=name,
        keys=_described(keys),
    )
    return Document(file, "bls", stanzas=(stanza,), warnings=tuple(warnings))


def quote(slot: Slot, argument: str) -> str:
    """The argument as it stands in an `options` line. Raises CannotHold.

    There is no quoting: what cannot stand in a line as one argument is refused. With the slot's style "grub" GRUB is
    the reader, with "zipl" zipl.
    """
    if "\n" in argument or "\r" in argument:
        raise CannotHold(f"{argument!r}: an options line cannot hold a line end", hint="write it without line ends")
    if slot.style == "zipl" and "${" in argument:
        raise CannotHold(f"{argument!r}: zipl takes ${{ for a variable of its own", hint="write it without ${")
    return quote_for_grub(slot, argument) if slot.style == "grub" else held(argument)


def quote_for_grub(_slot: Slot, argument: str) -> str:
    r"""The argument, where GRUB's blscfg pastes it into a script. Raises CannotHold for what would become syntax.

    Outside double quotes these are `;|&<>{}'`, a leading `#`, and the words `[[` and `]]`; everywhere `$` and `\`.
    """
    held(argument)
    if argument.startswith("#") or argument in ("[[", "]]") or not re.fullmatch(f"(?:{_AS_SCRIPT.pattern})+", argument):
        raise CannotHold(
            f"{argument!r}: GRUB reads the options of a snippet as script, and would take a part of it as syntax",
            hint=r"avoid $ \ ' ; | & < > { } and a leading #; in double quotes all but $ and \ are allowed",
        )
    return argument


class _Pair:
    """A line: key and value with the span of the value; an empty value stands behind the blanks after the key."""

    __slots__ = ("end", "key", "key_start", "start", "value")

    def __init__(self, key: str, value: str, key_start: int, start: int) -> None:
        self.key = key
        self.value = value
        self.key_start = key_start
        self.start = start
        self.end = start + len(value)

    def line(self, text: str) -> int:
        return text.count("\n", 0, self.key_start) + 1


def _pair(token: Token) -> _Pair:
    body = token.text.lstrip(" \t")
    key = _KEY_END.split(body, 1)[0]
    rest = body[len(key) :].rstrip("\r\n")
    value = rest.lstrip(" \t")
    key_start = token.start + len(token.text) - len(body)
    return _Pair(key, value.rstrip(" \t"), key_start, key_start + len(key) + len(rest) - len(value))


def _ordinary(text: str) -> list[_Pair] | None:
    """What the grammar reads, where each line is a comment or a key and a value; None where one is not."""
    found: list[_Pair] = []
    end = 0
    while end < len(text):
        line = _LINE.match(text, end)
        if line is None:
            return None
        key, value = line.groups()
        found.append(_Pair(key, value, line.start(1), line.start(2)))
        end = line.end()
    return found


def _check(file: str, text: str, pairs: list[_Pair]) -> None:
    """Refuse what readers take differently: a second kernel, and a line that is no pair."""
    seen: _Pair | None = None
    for pair in pairs:
        if not pair.value and pair.key not in _KNOWN:
            raise NotUnderstood(
                f"{pair.key!r} without a value",
                hint="each line of a snippet is a key and its value, or a comment",
                place=place_at(file, text, pair.key_start),
            )
        if pair.key == "linux" and (" " in pair.value or "\t" in pair.value):
            raise NotUnderstood(
                "a blank in the path of the kernel: GRUB takes what stands behind it for arguments",
                hint="the arguments belong in an `options` line",
                place=place_at(file, text, pair.start),
            )
        if pair.key in _LOADS and pair.value:
            if seen:
                raise NotUnderstood(
                    f"{pair.key!r} after {seen.key!r}: boot loaders differ in which of the two they load",
                    hint="leave one of the lines",
                    place=place_at(file, text, pair.key_start),
                )
            seen = pair


def _grub_ends(text: str, pairs: list[_Pair]) -> int:
    """The offset of the line behind which GRUB reads nothing: an empty one, or a key without a value."""
    empty = _EMPTY_LINE.search(f"\n{text}")
    ends = [pair.key_start for pair in pairs if not pair.value] + ([empty.start()] if empty else [])
    return min(ends, default=len(text))


def _slot(file: str, text: str, pair: _Pair, style: str) -> Slot:
    found = with_references(words(text, pair.start, pair.end))
    start, end = (found[0].start, found[-1].end) if found else (pair.end, pair.end)
    before = "" if found or text[start - 1] in " \t" else " "
    return Slot(file, "bls", "options", start, end, pair.line(text), found, style, before)


def _absent(file: str, text: str, linux: _Pair) -> Slot:
    """Where an `options` line will stand: behind the `linux` line."""
    newline = text.find("\n", linux.end)
    eol = "\r\n" if "\r\n" in text else "\n"
    if newline < 0:
        at, before, after = len(text), f"{eol}options ", ""
    else:
        at, before, after = newline + 1, "options ", eol
    return Slot(file, "bls", "options", at, at, linux.line(text), (), before=before, after=after)


def _initrds(pairs: list[_Pair]) -> tuple[str, ...]:
    return tuple(
        path for pair in pairs if pair.key == "initrd" for path in pair.value.split() if not path.startswith("$")
    )


def _described(keys: Mapping[str, str]) -> Mapping[str, str]:
    """The keys that are not told by the rest of the stanza."""
    return {key: value for key, value in keys.items() if key not in ("title", "linux", "initrd", "options")}


def vacate(text: str, slot: Slot) -> tuple[int, int]:
    """The whole line of an `options` without arguments: GRUB's blscfg reads no further than a key without a value."""
    if slot.start == slot.end:
        return slot.start, slot.end
    start = text.rfind("\n", 0, slot.start) + 1
    newline = text.find("\n", slot.end)
    return start, len(text) if newline < 0 else newline + 1


FORMAT = Format(name="bls", find=find, parse=parse_snippet, quote=quote, vacate=vacate)
