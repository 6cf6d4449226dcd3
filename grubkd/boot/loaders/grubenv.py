"""GRUB's environment block: 1024 bytes that GRUB itself rewrites in place at boot."""

from __future__ import annotations

import re

from grubkd.boot.loaders.format import Format, real_paths
from grubkd.boot.loaders.grub_script import KERNEL_VARIABLES, Mapped, pasted
from grubkd.boot.model import Assignment, Document, Slot
from grubkd.errors import NotUnderstood, Place, TooLong, place_at
from grubkd.parsing.grammar import Token
from grubkd.parsing.grammar import parse as parse_grammar

SIZE = 1024
_SIGNATURE = "# GRUB Environment Block\n"
_FILES = ("/boot/grub2/grubenv", "/boot/grub/grubenv")
_ESPS = ("/boot/efi/EFI", "/efi/EFI", "/boot/EFI")
_STANDARD = (*_FILES, *(f"{directory}/*/grubenv" for directory in _ESPS))
# Where the blocks are that `load_env --file` names.
_LOADED = ("/boot/grub2/*env", "/boot/grub/*env", "/boot/*env")
_ESCAPED = re.compile(r"\\([\s\S])|[^\\]++")


def parse(file: str, text: str) -> Document:
    """Returns kernelopts and tuned_params as assignments, all others as variables and as settings.

    Raises NotUnderstood for a block that is not 1024 bytes long or does not begin with the signature.
    """
    if not text.startswith(_SIGNATURE):
        raise NotUnderstood(
            "not a GRUB environment block: the first line is not its signature",
            hint="make a new one with grub-editenv FILE create",
            place=Place(file, 1, 1),
        )
    if len(text) != SIZE:
        raise NotUnderstood(
            f"{len(text)} bytes long: an environment block has exactly {SIZE}, which GRUB rewrites in place",
            hint="make a new one with grub-editenv FILE create, and set its variables with grub-editenv FILE set",
            place=place_at(file, text, min(len(text), SIZE)),
        )
    settings: dict[str, str] = {}
    assignments: dict[str, Assignment] = {}
    variables: dict[str, Assignment] = {}
    for variable in parse_grammar("grubenv", text, file=file).nodes("variable"):
        name = next(variable.tokens("NAME")).text
        end = next(variable.tokens("EQUALS")).end
        value = next(variable.tokens("VALUE"), Token("VALUE", "", end, end))
        found = assignments if name in KERNEL_VARIABLES else variables
        found[name] = Assignment(name, _slot(file, text, name, value), extends=False)
        if name not in KERNEL_VARIABLES:
            settings[name] = _decoded(value).text
    found_slots, others = tuple(assignments.values()), tuple(variables.values())
    return Document(file, "grubenv", assignments=found_slots, settings=settings, variables=others)


def quote(_slot: Slot, argument: str) -> str:
    """Returns the argument as a value holds it. Raises CannotHold for what GRUB would take as script."""
    return re.sub(r"[\\\n]", r"\\\g<0>", pasted(argument))


def finish(file: str, text: str) -> str:
    """Returns the block, filled up with number signs to 1024 bytes. Raises TooLong."""
    content = text.rstrip("#")
    if len(content) > SIZE:
        raise TooLong(
            f"the environment block would need {len(content)} bytes and has {SIZE}",
            hint="unset variables in it that nothing needs, with grub-editenv, or shorten the arguments",
            place=Place(file),
        )
    return content.ljust(SIZE, "#")


def _decoded(value: Token) -> Mapped:
    mapped = Mapped()
    for piece in _ESCAPED.finditer(value.text):
        mapped.add(piece[1] or piece[0], value.start + piece.start(), value.start + piece.end())
    return mapped


def _slot(file: str, text: str, name: str, value: Token) -> Slot:
    words = _decoded(value).kernel_words()
    start, end = (words[0].start, words[-1].end) if words else (value.start, value.start)
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
