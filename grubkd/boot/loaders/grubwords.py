r"""The words of GRUB script: what GRUB makes of them, what a loader hands to the kernel, and how to write one.

Three steps lie between the text in a script and the kernel's command line:
- the lexer (GRUB 2.06 script/yylex.l) takes quotes, backslashes and line continuations away, and execution
  (script/execute.c) puts in the values of variables;
- the loader (lib/cmdline.c) encodes each argument again: double quotes around one that holds a space, a backslash
  before each backslash, apostrophe and double quote;
- carriage returns are gone before all that: GRUB drops every one when it reads a line of a file.

GRUB versions differ in backslashes: Fedora's and Red Hat's pass `\xHH` as it is in both steps, Debian's 2.06 does not,
and 2.14 puts no backslash before anything. `\xHH` is read the Fedora way, since it stands in files only where it
works; what is written holds no character that the versions treat differently.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import cmdline
from grubkd.errors import CannotHold

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = r"(?:[A-Za-z_][A-Za-z0-9_]*+|[0-9]++|[?#*@])"
_VARIABLE = rf"\$(?:{_NAME}|\{{{_NAME}\}})"
_ESCAPE = r"\\(?:\r*+\n|[^\r\0])"
_PIECE = re.compile(
    rf"""(?P<plain>[^{{}}|&$;<>\x20\t\r\n\0'"\\]++)
    |(?P<single>'(?:[^'\r\0]++|\r++(?=\n))*')
    |(?P<double>"(?:[^"\\$\r\0]++|\r++(?=\n)|{_ESCAPE}|{_VARIABLE})*")
    |(?P<escape>{_ESCAPE})
    |(?P<variable>{_VARIABLE})
    |(?P<translated>\$"(?:[^"\\\r\0]++|\r++(?=\n)|{_ESCAPE})*")""",
    re.VERBOSE,
)
_START = re.compile(r"[^#]")
_BLANKS = re.compile(r"[ \t]++")
_PURE = re.compile(r"[^'\"\\$\r]*+")
_REFERENCE = re.compile(rf"\$(?:({_NAME})|\{{({_NAME})\}})")
_IN_DOUBLE = re.compile(rf"\\\n|\\([$\\\"])|({_VARIABLE})")
_HEX = r"\\x[0-9A-Fa-f]{2}"
_WILD = re.compile(rf"({_HEX})|([*?\\])")
_TAMED = re.compile(rf"({_HEX})|\\([\s\S])")
_LOADED = re.compile(rf"({_HEX})|([\\'\"])")
_ARGUMENT_IS_BARE = re.compile(r"[A-Za-z0-9_./:=,@%+~^\x80-\xff-]++")
_RESERVED = ("[[", "]]")

# What GRUB itself, its firmware and its modules set without a statement in the file.
_GRUB_SETS = frozenset(
    re.findall(
        r"\w+",
        "chosen cmdpath color_highlight color_normal config_directory config_file debug default fallback gfxmode "
        "gfxpayload grub_cpu grub_platform icondir lang locale_dir menu_color_highlight menu_color_normal pager prefix "
        "root secondary_locale_dir shim_lock superusers theme timeout timeout_style",
    )
)
# What grubenv holds is loaded by load_env, which names nothing.
_ENVIRONMENT_SETS = frozenset({"kernelopts", "tuned_params"})


class Span(NamedTuple):
    """Where a word stands in its text."""

    start: int
    end: int


def spans(text: str, start: int, end: int) -> Iterator[Span]:
    """The words of text[start:end] in order; a lone line continuation between blanks is none.

    Ends before the first character that cannot be part of a word: a caller that must know compares the last end.
    """
    at = start
    while at < end:
        blank = _BLANKS.match(text, at, end)
        at = blank.end() if blank else at
        first, empty = at, True
        if not _START.match(text, at, end):
            return
        while piece := _PIECE.match(text, at, end):
            empty = empty and piece.lastgroup == "escape" and piece.group().endswith("\n")
            at = piece.end()
        if at == first or text[first:at] in _RESERVED:
            return
        if not empty:
            yield Span(first, at)


def value(raw: str) -> str:
    """The argument that GRUB makes of a word; variables stay as written."""
    if _PURE.fullmatch(raw):
        return raw
    raw = raw.replace("\r", "")
    made = ""
    for piece in _PIECE.finditer(raw):
        text = piece.group()
        if piece.lastgroup == "single":
            text = _tame(text[1:-1])
        elif piece.lastgroup == "double":
            text = _tame(_double(text[1:-1]))
        elif piece.lastgroup == "translated":
            text = _tame(re.sub(r'\\\n|\\(")', r"\1", text[2:-1]))
        elif piece.lastgroup == "escape" and text == "\\\n":
            text = ""
        made += text
    return _TAMED.sub(r"\1\2", made) if "\\" in made else made


def _double(inside: str) -> str:
    return _IN_DOUBLE.sub(lambda found: found[1] or found[2] or "", inside)


def _tame(text: str) -> str:
    """Escape what GRUB would expand as a pattern of file names, as it does for quoted text."""
    if not any(each in text for each in "*?\\"):
        return text
    return _WILD.sub(lambda found: found[1] or "\\" + found[2], text)


def delivered(argument: str) -> str:
    """What the loader writes for an argument into the kernel's command line (GRUB 2.06 lib/cmdline.c)."""
    encoded = argument
    if not _PURE.fullmatch(argument):
        encoded = _LOADED.sub(lambda found: found[1] or "\\" + found[2], argument)
    return f'"{encoded}"' if " " in argument else encoded


def reference(raw: str) -> str | None:
    """The variable of which the word is one whole unquoted reference, or None."""
    found = _REFERENCE.fullmatch(raw) if raw.startswith("$") else None
    return (found[1] or found[2]) if found else None


def received(raw: str, defined: frozenset[str]) -> str:
    """What the kernel receives of a word.

    A whole reference to a variable stays as written where something may set it, and gives nothing where nothing does:
    `defined` are the names that the script sets. A variable inside other text is text as written.
    """
    name = reference(raw)
    if name is None:
        return raw if _PURE.fullmatch(raw) else delivered(value(raw))
    known = not (name[0].isalpha() or name[0] == "_") or name in defined | _GRUB_SETS | _ENVIRONMENT_SETS
    return raw if known else ""


def held(argument: str) -> str:
    """The GRUB argument of which the kernel receives `argument`, or one that means the same to it.

    The loader puts quotes around the whole argument: `a="b c"` reaches the kernel as `"a=b c"`. Raises CannotHold.
    """
    plain = argument
    if '"' in argument:
        name, equals, rest = argument.partition("=")
        if len(argument) > 1 and argument[0] == argument[-1] == '"':
            plain = argument[1:-1]
        elif equals and len(rest) > 1 and rest[0] == rest[-1] == '"':
            plain = f"{name}={rest[1:-1]}"
    reason = _obstacle(argument, plain)
    if reason:
        raise CannotHold(
            f"GRUB cannot hand {argument!r} to the kernel: {reason}",
            hint='write a value with blanks as name="a b"; GRUB has no way to pass quotes, backslashes or line ends',
        )
    return plain


def _obstacle(argument: str, plain: str) -> str:
    """Why the loader would not hand on what was asked for; "" where it does."""
    if not plain or any(character in plain for character in "\0\n\r"):
        return "it is empty or holds a line end or a NUL"
    if any(character in plain for character in "\\'\""):
        return "its loader puts a backslash before each backslash, apostrophe and quote inside"
    made = delivered(plain)
    if cmdline.tokens(made) != [made]:
        return "it puts quotes around spaces only, so that other blanks would end the argument"
    if made != argument and cmdline.meaning(made) != cmdline.meaning(argument):
        return "it puts the quotes elsewhere, which the kernel would read differently"
    return ""


def quoted(argument: str) -> str:
    """The word of which GRUB makes the argument: bare where no character of it is GRUB's, else in double quotes."""
    if _ARGUMENT_IS_BARE.fullmatch(argument):
        return argument
    return '"' + argument.replace("$", r"\$") + '"'


def pasted(argument: str) -> str:
    """The argument as it may stand in a variable that GRUB's blscfg pastes into a script. Raises CannotHold.

    It is kernel text as well, for a reader that pastes nothing; so only the kernel's own quotes may protect it.
    """
    found = list(spans(argument, 0, len(argument)))
    if not any(character in argument for character in "$\\'") and found == [Span(0, len(argument))]:
        made = delivered(value(argument))
        if cmdline.tokens(argument) == [argument] and cmdline.meaning(made) == cmdline.meaning(argument):
            return argument
    made = f'"{held(argument)}"'
    if any(character in made for character in "$\\") or cmdline.meaning(made) != cmdline.meaning(argument):
        raise CannotHold(
            f"{argument!r}: GRUB pastes the variable into a script and would take a part of it as syntax",
            hint=r"avoid $ and \ and, in a name without a value, ; | & < > { }",
        )
    return made
