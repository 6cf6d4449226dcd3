"""The ordinary entries of a long grub.cfg, each read by one expression instead of the grammar.

What is taken for ordinary is a part of what the grammar reads. An entry is: a title and an id in apostrophes, lines, a
`linux` of bare words and whole variables, lines, an `initrd`, lines. For the grammar a word that means nothing stands
in its place, so that it still checks all the rest. The lines between, which most entries have in common, it reads once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.boot.loaders.grubmenu import Frame, Menu, Statement, tokens
from grubkd.boot.loaders.grubwords import Span

if TYPE_CHECKING:
    from collections.abc import Sized

    from grubkd.boot.loaders.grubmenu import MenuEntry
    from grubkd.parsing.grammar import Token

_TEXT = r"'(?P<{}>[^'*?\\\r\n\0]*+)'"
_OPTIONS = r"(?:[ \t]++--(?:unrestricted|class[ \t]++[\w.-]++))*"
# Each repetition ends where the next begins to fit, so that what does not fit in the end is seen in linear time.
_ANY = r"[ \t]++[^{}\r\n\0]*+\n"
_LINE = r"[ \t]++(?!{})[^{{}}\r\n\0]*+\n"
_BARE = r"[A-Za-z0-9_./:=,@%+~^()-]++"
_ENTRY = re.compile(
    rf"(?<![^\n\t])menuentry[ \t]++{_TEXT.format('title')}{_OPTIONS}"
    rf"(?:[ \t]++(?:\$menuentry_id_option|--id)[ \t]++{_TEXT.format('id')})?{_OPTIONS}[ \t]++\{{[ \t]*+\n"
    rf"(?P<before>(?:{_LINE.format('linux|echo')})*)"
    r"(?:[ \t]++echo[ \t]++'[^'\r\n\0]*+'\n)?"
    rf"[ \t]++(?P<name>linux(?:16|efi)?)[ \t]++(?P<path>{_BARE})"
    r"(?P<arguments>(?:[ \t](?:[^{}|&$;<>\r\n\0'\"\\#\[\]]++|\$[A-Za-z_][A-Za-z0-9_]*+)*)?)\n"
    rf"(?P<between>(?:{_LINE.format('initrd')})*)"
    rf"(?:[ \t]++initrd(?:16|efi)?(?P<initrds>(?:[ \t]++{_BARE})+)[ \t]*+\n"
    rf"(?P<after>(?:{_ANY})*))?"
    r"[ \t]*+\}\n"
)
_BEGIN = "menuentry '"
_WORD = "x"


class Unordinary(Exception):
    """What looked like an entry stands where none can be."""


class LongMenu(Menu):
    """As Menu. Raises NotUnderstood, Unordinary where the whole of the text is for the grammar to read."""

    def __init__(self, file: str, text: str) -> None:
        self._ordinary: dict[int, re.Match[str]] = {}
        # Lines that do nothing that a second time would do more of.
        self._done: set[str] = set()
        self._entered: MenuEntry
        self._variables = 0
        super().__init__(file, text, tokens(file, self._rest(text)))
        if self._ordinary:
            raise Unordinary

    def _rest(self, text: str) -> str:
        """The text with a word and blanks in the place of each ordinary entry."""
        rest: list[str] = []
        end, at = 0, text.find(_BEGIN)
        while at >= 0:
            found = _ENTRY.match(text, at)
            if found:
                self._ordinary[at] = found
                rest += text[end:at], _WORD.ljust(found.end() - at - 1), "\n"
                end = found.end()
            at = text.find(_BEGIN, max(end, at + 1))
        rest.append(text[end:])
        return "".join(rest)

    def _command(self, token: Token, *, block: bool) -> None:
        found = self._ordinary.pop(token.start, None)
        if found is None:
            super()._command(token, block=block)
            return
        if token.text != _WORD or block:
            raise Unordinary
        title, identity, name, initrds = found.group("title", "id", "name", "initrds")
        self._entered = self._begun(token.start, title, identity)
        self._push(token, Frame(apart=True, entry=self._entered))
        self._lines(*found.span("before"))
        path, (start, end) = Span(*found.span("path")), found.span("arguments")
        raw = self._text[start:end].rstrip(" \t")
        end = start + len(raw)
        start = end - len(raw.lstrip(" \t"))
        self._entered.loaders.append(Statement(name, found.start("name"), path, Span(start, end)))
        self._lines(*found.span("between"))
        if initrds is not None:
            self._entered.initrds += [word for word in initrds.split() if not word.startswith("--")]
            self._lines(*found.span("after"))
        self._pop()

    def _lines(self, start: int, end: int) -> None:
        """Lines inside an entry, which make whole statements."""
        text = self._text[start:end]
        if not text or text in self._done:
            return
        before = self._state()
        found = tokens(self._file, self._text, start, end)
        if any(token.kind == "FUNCTION" for token in found):
            raise Unordinary
        self._read(found)
        if self._state() == before:
            self._done.add(text)

    def _state(self) -> tuple[int, ...]:
        """Sizes of all that statements add to, but sets, of which a second time makes no more."""
        entry = self._entered
        added: tuple[Sized, ...] = (self.entries, self.sets, self.enters, self.warnings, entry.loaders, entry.initrds)
        return (*map(len, added), self._variables)

    def _name(self, token: Token) -> str:
        """As in Menu; what a variable stands for may be another command the next time."""
        self._variables += 1
        return super()._name(token)
