r"""The words of GRUB script: what the kernel receives of a word, and how to write a word.

Between the text of a script and the kernel command line there are three steps:
- GRUB drops every carriage return when it reads a line of a file;
- the lexer (GRUB 2.06 script/yylex.l) removes quotes, backslashes and line continuations, and the execution
  (script/execute.c) expands variables;
- the loader (lib/cmdline.c) encodes each argument again: double quotes around one that contains a space, a backslash
  before each backslash, apostrophe and double quote.

GRUB versions differ in backslashes: Fedora's and Red Hat's pass `\xHH` unchanged in both steps, Debian's 2.06 does
not, and 2.14 puts no backslash before anything. grubkd reads `\xHH` as Fedora does, because files contain it only
where that works. It writes no character that the versions treat differently.
"""

from __future__ import annotations

import re

from grubkd.boot import cmdline
from grubkd.errors import CannotHold
from grubkd.parsing.grammar import Token, parse
from grubkd.text import in_quotes

_NAME = r"(?:[A-Za-z_][A-Za-z0-9_]*+|[0-9]++|[?#*@])"
_VARIABLE = rf"\$(?:{_NAME}|\{{{_NAME}\}})"
# A reference in a word: split() gives texts and names in turn.
VARIABLE = re.compile(r"\$(\w+|\{\w+\})")
# The pieces of a word, which the grammar has found.
_PIECE = re.compile(
    rf"""(?P<single>'[^']*+')|(?P<translated>\$"(?:[^"\\]++|\\[\s\S])*")|(?P<double>"(?:[^"\\]++|\\[\s\S])*")"""
    rf"""|(?P<continuation>\\\n)|(?P<escape>\\[\s\S])|(?P<variable>{_VARIABLE})|(?P<plain>[^'"\\$]++)"""
)
_UNQUOTED = re.compile(r"[^'\"\\$\r]*+")
_REFERENCE = rf"\$(?:({_NAME})|\{{({_NAME})\}})"
_IN_DOUBLE = re.compile(rf"\\\n|\\([$\\\"])|({_VARIABLE})")
_IN_TRANSLATED = r'\\\n|\\(")'
_HEX = r"\\x[0-9A-Fa-f]{2}"
_WILDCARD = re.compile(rf"({_HEX})|([*?\\])")
_BACKSLASH = rf"({_HEX})|\\([\s\S])"
_ENCODED_BY_LOADER = rf"({_HEX})|([\\'\"])"
_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_./:=,@%+~^\x80-\xff-]++")

# Variables that GRUB, its firmware or its modules set, without a statement in the file.
_SET_BY_GRUB = frozenset(
    re.findall(
        r"\w+",
        "chosen cmdpath color_highlight color_normal config_directory config_file debug default fallback gfxmode "
        "gfxpayload grub_cpu grub_platform icondir lang locale_dir menu_color_highlight menu_color_normal pager prefix "
        "root secondary_locale_dir shim_lock superusers theme timeout timeout_style",
    )
)
# The variables that contain kernel arguments. grubenv may have them: load_env names none of those that it sets.
KERNEL_VARIABLES = ("kernelopts", "default_kernelopts", "tuned_params")


def words(text: str) -> tuple[list[Token], int]:
    """The words of a text that is pasted into a script behind a command, and where they end.

    The second value is len(text), or the offset of the first character that GRUB does not take as part of an argument.
    """
    tree = parse("grub_words", f"{text}\n", file="")
    rest = next(tree.tokens("REST"))
    return list(tree.tokens("WORD")), rest.start


def unquoted(raw: str) -> str:
    """The argument that GRUB makes of a word. Variables are not expanded."""
    if _UNQUOTED.fullmatch(raw):
        return raw
    raw = raw.replace("\r", "")
    made = ""
    for piece in _PIECE.finditer(raw):
        text = piece.group()
        if piece.lastgroup == "single":
            text = _escape_wildcards(text[1:-1])
        elif piece.lastgroup == "double":
            text = _escape_wildcards(_IN_DOUBLE.sub(lambda found: found[1] or found[2] or "", text[1:-1]))
        elif piece.lastgroup == "translated":
            text = _escape_wildcards(re.sub(_IN_TRANSLATED, r"\1", text[2:-1]))
        elif piece.lastgroup == "continuation":
            text = ""
        made += text
    return re.sub(_BACKSLASH, r"\1\2", made) if "\\" in made else made


def _escape_wildcards(text: str) -> str:
    """GRUB escapes quoted text before it expands patterns of file names."""
    return _WILDCARD.sub(lambda found: found[1] or "\\" + found[2], text)


def delivered(argument: str) -> str:
    """What the loader writes for an argument into the kernel command line (GRUB 2.06 lib/cmdline.c)."""
    encoded = argument
    if not _UNQUOTED.fullmatch(argument):
        encoded = re.sub(_ENCODED_BY_LOADER, lambda found: found[1] or "\\" + found[2], argument)
    return f'"{encoded}"' if " " in argument else encoded


def reference(raw: str) -> str | None:
    """The variable where the word is one whole unquoted reference, else None."""
    found = re.fullmatch(_REFERENCE, raw) if raw.startswith("$") else None
    return (found[1] or found[2]) if found else None


def received(raw: str, defined: frozenset[str]) -> str:
    """What the kernel receives of a word. `defined`: the variables that the script sets.

    A whole reference stays as written if something may set the variable, and is "" otherwise. A variable
    inside other text stays as written.
    """
    name = reference(raw)
    if name is None:
        return raw if _UNQUOTED.fullmatch(raw) else delivered(unquoted(raw))
    special = not (name[0].isalpha() or name[0] == "_")
    return raw if special or name in defined or name in _SET_BY_GRUB or name in KERNEL_VARIABLES else ""


def held(argument: str) -> str:
    """The argument that GRUB passes to the kernel as `argument`, maybe quoted differently. Raises CannotHold.

    The loader puts quotes around the whole argument: `a="b c"` reaches the kernel as `"a=b c"`.
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
            f"GRUB cannot pass {in_quotes(argument)} to the kernel: {reason}",
            hint='write a value with blanks as name="a b"; GRUB has no way to pass quotes, backslashes or line ends',
        )
    return plain


def _obstacle(argument: str, plain: str) -> str:
    """Why the loader does not deliver `argument` from `plain`; "" if it does."""
    if not plain or any(character in plain for character in "\0\n\r"):
        return "it is empty or contains a line end or a NUL"
    if any(character in plain for character in "\\'\""):
        return "its loader puts a backslash before each backslash, apostrophe and quote inside"
    made = delivered(plain)
    if cmdline.tokens(made) != [made]:
        return "its loader puts quotes around spaces only, so that other blanks end the argument"
    if made != argument and cmdline.meaning(made) != cmdline.meaning(argument):
        return "its loader puts the quotes elsewhere, which the kernel reads differently"
    return ""


def quoted(argument: str) -> str:
    """The word that GRUB reads as the argument: bare where GRUB gives no character a meaning, else quoted."""
    if _NEEDS_NO_QUOTES.fullmatch(argument):
        return argument
    return '"' + argument.replace("$", r"\$") + '"'


def pasted(argument: str) -> str:
    """The argument as a variable holds it that GRUB's blscfg pastes into a script. Raises CannotHold.

    Other readers of the variable paste nothing and take its value as kernel text: only the kernel's quotes may
    protect the argument.
    """
    found, _ = words(argument)
    if not any(character in argument for character in "$\\'") and [argument] == [word.text for word in found]:
        made = delivered(unquoted(argument))
        if cmdline.tokens(argument) == [argument] and cmdline.meaning(made) == cmdline.meaning(argument):
            return argument
    made = f'"{held(argument)}"'
    if any(character in made for character in "$\\") or cmdline.meaning(made) != cmdline.meaning(argument):
        raise CannotHold(
            f"{in_quotes(argument)}: GRUB pastes the variable into a script and would take a part of it as syntax",
            hint=r"avoid $ and \ and, in a name without a value, ; | & < > { }",
        )
    return made
