"""GRUB's environment block: a file of fixed size, mostly 1024 bytes, that GRUB itself rewrites in place at boot.

Facts of GRUB 2.06 (lib/envblk.c, commands/loadenv.c): only the signature is required; a block without it is not read. A
value grows into the number signs at the end of the block, and nowhere else.
"""

from __future__ import annotations

import re

from grubkd.boot.document import Assignment, DefaultSetting, Document, Slot
from grubkd.boot.loaders.format import ESPS, Format, real_paths
from grubkd.boot.loaders.grub_script import KERNEL_VARIABLES, pasted
from grubkd.boot.words import Mapped, span
from grubkd.errors import CannotHold, Notice, Place, TooLong
from grubkd.parsing.grammar import Token
from grubkd.parsing.grammar import parse as parse_grammar

_SIGNATURE = "# GRUB Environment Block\n"
_FILES = ("/boot/grub2/grubenv", "/boot/grub/grubenv")
_STANDARD = (*_FILES, *(f"{esp}/EFI/*/grubenv" for esp in ESPS))
# Where the blocks are that `load_env --file` names.
_LOADED = ("/boot/grub2/*env", "/boot/grub/*env", "/boot/*env")
_ESCAPED = r"\\([\s\S])|[^\\]++"


def parse(file: str, text: str) -> Document:
    """Kernelopts and tuned_params as assignments, all others as variables and as settings.

    Raises NotUnderstood at a NUL byte.
    """
    if not text.startswith(_SIGNATURE):
        return Document(
            file, "grubenv", warnings=(_notice(file, "not an environment block: GRUB reads nothing of it"),)
        )
    settings: dict[str, str] = {}
    assignments: dict[str, Assignment] = {}
    variables: dict[str, Assignment] = {}
    for variable in parse_grammar("grubenv", text, file=file).nodes("variable"):
        name = next((token.text for token in variable.tokens("NAME")), "")
        end = next(variable.tokens("EQUALS")).end
        value = next(variable.tokens("VALUE"), Token("VALUE", "", end, end))
        found = assignments if name in KERNEL_VARIABLES else variables
        found[name] = Assignment(name, _slot(file, text, name, value), extends=False)
        if name not in KERNEL_VARIABLES:
            settings[name] = _decoded(value).text
    reason = "nothing is free at the end of the block: GRUB can read it but cannot add to it"
    warnings = () if text.endswith("#") else (_notice(file, reason),)
    found_slots, others = tuple(assignments.values()), tuple(variables.values())
    default = _default(text, variables.get("saved_entry"))
    return Document(file, "grubenv", (), found_slots, settings, warnings, variables=others, default=default)


def _default(text: str, saved: Assignment | None) -> DefaultSetting:
    """The place of saved_entry and its whole value, or the place behind the other variables if it is not set."""
    if saved is None:
        at = len(text.rstrip("#"))
        return DefaultSetting("saved_entry", at, at, "saved_entry=", "\n")
    start, end = saved.slot.start, saved.slot.end
    while text[start - 1] in " \t":
        start -= 1
    while text[end] in " \t":
        end += 1
    return DefaultSetting("saved_entry", start, end)


def quote(_slot: Slot, argument: str) -> str:
    """The argument as a value holds it. Raises CannotHold for what GRUB would take as script."""
    return re.sub(r"[\\\n]", r"\\\g<0>", pasted(argument))


def finish(file: str, before: str, after: str) -> str:
    """The block in its old size, filled up with number signs. Raises TooLong, CannotHold."""
    content, size = after.rstrip("#"), len(before)
    if len(content) > size and not before.endswith("#"):
        raise CannotHold("the environment block has no free room at its end", hint=_hint(file), place=Place(file))
    if len(content) > size:
        raise TooLong(
            f"the environment block would need {len(content)} bytes and has {size}",
            hint="unset variables in it that nothing needs, with grub-editenv, or shorten the arguments",
            place=Place(file),
        )
    return content.ljust(size, "#")


def _notice(file: str, reason: str) -> Notice:
    return Notice("grubenv-not-writable", reason, _hint(file), Place(file))


def _hint(file: str) -> str:
    tool = "grub2-editenv" if "grub2" in file or "redhat" in file else "grub-editenv"
    return f"run: {tool} {file} create; then set its variables again"


def _decoded(value: Token) -> Mapped:
    mapped = Mapped()
    for piece in re.finditer(_ESCAPED, value.text):
        mapped.add(piece[1] or piece[0], value.start + piece.start(), value.start + piece.end())
    return mapped


def _slot(file: str, text: str, name: str, value: Token) -> Slot:
    words = _decoded(value).kernel_words()
    start, end = span(words, value.start)
    return Slot(file, "grubenv", name, start, end, text.count("\n", 0, start) + 1, words)


FORMAT = Format(
    "grubenv",
    parse,
    paths=(*_STANDARD, *_LOADED),
    choose=lambda tree: real_paths(tree, _STANDARD),
    quote=quote,
    finish=finish,
    lens="Kernel_args.grubenv",
)
