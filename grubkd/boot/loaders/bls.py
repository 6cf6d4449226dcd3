"""Boot Loader Specification type 1 snippets: /boot/loader/entries/*.conf and the same directory of an ESP.

A line is a key, blanks and a value, for GRUB and systemd-boot alike. Where the two differ, the menu, which knows the
reader, decides, or the arguments are not known:
- systemd-boot joins several `options` lines. GRUB (Fedora's blscfg, blsuki.c of GRUB 2.14) takes the first only, and
  reads no further than the first empty line or key without a value; a tab behind a key ends it only where the line has
  no blank. Slots that it does not read have the style "not-grub"; the place of an `options` line that it would read is
  then an assignment of `options`.
- GRUB replaces `$name` in options by the value of its environment; systemd-boot passes it to the kernel.
- GRUB pastes options into a script; systemd-boot takes every byte as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.document import Assignment, Document, Image, Slot, Stanza
from grubkd.boot.loaders.format import Format, line_behind, on_one_line
from grubkd.boot.words import open_quotes, span, with_references, words
from grubkd.errors import CannotHold, Notice, Place
from grubkd.parsing.grammar import Token, parse
from grubkd.text import in_quotes

if TYPE_CHECKING:
    from collections.abc import Sequence

# A copy such as a.conf.bak is no entry.
PATHS = ("/boot/loader/entries/*.conf", "/efi/loader/entries/*.conf", "/boot/efi/loader/entries/*.conf")

# The keys that make a snippet an entry. If it has two of them, boot loaders differ in which one they load.
_LOADS = frozenset(("linux", "efi", "uki", "uki-url"))
# The keys that the other fields of a Stanza hold.
_IN_STANZA = frozenset(("title", "linux", "initrd", "options"))
_BLANKS = r"[ \t]*"
_TAB = r"^([ \t]*options)\t+(?=.* )"
_EMPTY_LINE = r"(?m)^[ \t\r]*\n"
_AS_SCRIPT = r"""(?:"[^"$\\]*"|[^"$\\;|&<>{}'])+"""


class _Pair(NamedTuple):
    """A line of a snippet. Without a value, `value` is empty and is behind the blanks after the key."""

    key: Token
    value: Token

    def line(self, text: str) -> int:
        return text.count("\n", 0, self.key.start) + 1

    def whole_line(self, text: str) -> str:
        return text[self.key.start :].partition("\n")[0]


def parse_snippet(file: str, text: str) -> Document:
    """What a snippet says: one stanza, or none if it loads nothing. Raises NotUnderstood.

    The stanza's id is the file name without .conf, with the boot counter (`+3-1`). If a key is given twice, the last
    one counts. Unknown keys are kept: the specification lets readers ignore them. `initrds` does not hold references
    such as `$name`.
    """
    pairs = _pairs(file, text)
    loads = next((pair for pair in pairs if pair.key.text in _LOADS), None)
    name = file.rpartition("/")[2].removesuffix(".conf")
    if loads is None:
        message = "the snippet loads no kernel: no boot loader shows it as an entry"
        hint = "remove it, or give it a `linux` line"
        return Document(file, "bls", warnings=(Notice("empty-snippet", message, hint, Place(file)),))
    grub_stops = _grub_stops(text, pairs)
    slots = _options(file, text, pairs, grub_stops) if loads.key.text == "linux" else ()
    images: tuple[Image, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    if loads.key.text == "linux":
        absent = _absent(file, text, loads, "" if loads.key.start <= grub_stops else "not-grub")
        path = loads.value.text.split(" ")[0]
        images = (Image(path, slots or (absent,), loads.line(text)),)
        if slots and all(slot.style == "not-grub" for slot in slots) and not absent.style:
            assignments = (Assignment("options", absent, extends=False),)
    keys = {pair.key.text: pair.value.text for pair in pairs if pair.value.text}
    stanza = Stanza(
        title=next((pair.value.text for pair in pairs if pair.key.text == "title" and pair.value.text), name),
        line=1,
        images=images,
        initrds=_initrds(pairs),
        id=name,
        keys={key: value for key, value in keys.items() if key not in _IN_STANZA},
        not_known=_not_known(pairs),
    )
    notices = (notice for slot in slots for notice in open_quotes(file, text, slot.start, slot.end))
    return Document(file, "bls", (stanza,), assignments, warnings=tuple(notices))


def quote(slot: Slot, argument: str) -> str:
    """The argument as an `options` line holds it. Raises CannotHold.

    There is no quoting: what a line cannot hold as one argument is refused. The slot's style names the reader: "grub",
    "grub-lossy" if it drops a character, or "zipl"; else systemd-boot.
    """
    on_one_line(slot, argument)
    if slot.style == "zipl" and "${" in argument:
        raise CannotHold(f"{in_quotes(argument)}: zipl takes ${{ for a variable of its own", hint="write it without ${")
    if slot.style.startswith("grub"):
        _check_for_grub(slot, argument)
    return argument


def _check_for_grub(slot: Slot, argument: str) -> None:
    if slot.style == "grub-lossy":
        raise CannotHold(
            "GRUB drops the single character beside a variable in these options; with another argument it would not",
            hint="remove that character, or put it before the other options",
        )
    if "\\" in argument:
        raise CannotHold(
            f"{in_quotes(argument)}: GRUB drops a backslash", hint="give the argument without the backslash"
        )
    if "$" in argument:
        raise CannotHold(
            f"{in_quotes(argument)}: GRUB takes the $ in the options of a snippet for a variable, in any form",
            hint="put the argument into kernelopts of grubenv, to which the options refer as $kernelopts",
        )
    if argument.startswith("#") or argument in ("[[", "]]") or not re.fullmatch(_AS_SCRIPT, argument):
        raise CannotHold(
            f"{in_quotes(argument)}: GRUB reads the options of a snippet as script, and would take a "
            "part of it as syntax",
            hint=r"avoid ' ; | & < > { } and a leading #; they are allowed in double quotes",
        )


def finish(_file: str, before: str, after: str) -> str:
    """The text, with a blank for a tab behind the key of an edited `options` line: GRUB reads no line with both."""
    kept = set(before.split("\n"))
    return "\n".join([line if line in kept else re.sub(_TAB, r"\1 ", line) for line in after.split("\n")])


def vacate(text: str, slot: Slot) -> tuple[int, int]:
    """The whole line of an `options` without arguments: GRUB's blscfg reads no further than a key without a value.

    Raises CannotHold where GRUB would then read a later `options` line, which it ignores now.
    """
    if slot.start == slot.end:
        return slot.start, slot.end
    start = text.rfind("\n", 0, slot.start) + 1
    newline = text.find("\n", slot.end)
    end = len(text) if newline < 0 else newline + 1
    if slot.style.startswith("grub") and re.search(r"^[ \t]*options[ \t]", text[end:], re.MULTILINE):
        raise CannotHold(
            "this `options` line would have no argument left, and GRUB would read the next one instead",
            hint="remove the other `options` lines, which GRUB ignores, or join them with this one",
            place=Place(slot.file, slot.line),
        )
    return start, end


def _pairs(file: str, text: str) -> list[_Pair]:
    found = []
    for node in parse("bls", text, file=file).nodes("pair"):
        key, *values = node.tokens()
        if not values:
            blanks = re.compile(_BLANKS).match(text, key.end)
            at = blanks.end() if blanks else key.end
            values = [Token("VALUE", "", at, at)]
        found.append(_Pair(key, values[0]))
    return found


def _not_known(pairs: Sequence[_Pair]) -> str:
    """Why readers boot the snippet differently, or ""."""
    if len([pair for pair in pairs if pair.key.text in _LOADS and pair.value.text]) > 1:
        return "names two images, of which boot loaders load different ones"
    if any(pair.key.text == "linux" and len(pair.value.text.split()) > 1 for pair in pairs):
        return "has a blank behind the path of its kernel, where only GRUB takes the rest for arguments"
    return ""


def _grub_stops(text: str, pairs: Sequence[_Pair]) -> int:
    """Where GRUB stops reading a snippet: at an empty line, or a key without a value."""
    empty = re.search(_EMPTY_LINE, text)
    ends = [pair.key.start for pair in pairs if not pair.value.text] + ([empty.start()] if empty else [])
    return min(ends, default=len(text))


def _options(file: str, text: str, pairs: Sequence[_Pair], grub_stops: int) -> tuple[Slot, ...]:
    """The slots of the `options` lines; the style marks those that GRUB does not read."""
    options = [pair for pair in pairs if pair.key.text == "options"]
    read = [pair for pair in options if pair.key.start <= grub_stops and not re.match(_TAB, pair.whole_line(text))]
    for_grub = read[:1]
    slots = []
    for pair in options:
        value, not_grub = pair.value, pair not in for_grub
        found = with_references(words(text, value.start, value.end))
        start, end = span(found, value.end)
        before = "" if found or text[start - 1] in " \t" else " "
        style = "not-grub" if not_grub else ""
        slots.append(Slot(file, "bls", "options", start, end, pair.line(text), found, style, before))
    return tuple(slots)


def _absent(file: str, text: str, linux: _Pair, style: str) -> Slot:
    """The place of an `options` line that is missing: behind the `linux` line."""
    at, before, after = line_behind(text, linux.value.end)
    return Slot(file, "bls", "options", at, at, linux.line(text), (), style, f"{before}options ", after)


def _initrds(pairs: Sequence[_Pair]) -> tuple[str, ...]:
    paths = [path for pair in pairs if pair.key.text == "initrd" for path in pair.value.text.split()]
    return tuple(path for path in paths if not path.startswith("$"))


FORMAT = Format(name="bls", parse=parse_snippet, paths=PATHS, quote=quote, finish=finish, vacate=vacate)
