"""systemd-boot's own configuration, $ESP/loader/loader.conf: read for what it says of the default entry, never edited.

Its lines are those of a snippet: key, blanks, value (systemd's boot.c takes both apart by line_get_key_value).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.loaders.format import Format
from grubkd.boot.model import Document
from grubkd.parsing.grammar import parse

if TYPE_CHECKING:
    from grubkd.tree.tree import Tree

FILES = ("/efi/loader/loader.conf", "/boot/efi/loader/loader.conf", "/boot/loader/loader.conf")


def find(tree: Tree) -> tuple[str, ...]:
    """The files that the tree has, by their real paths."""
    found = dict.fromkeys(tree.resolve(file) for file in FILES)
    return tuple(file for file in found if file is not None)


def parse_settings(file: str, text: str) -> Document:
    """The settings; of a key given several times the last counts, a key without a value is skipped.

    `default` is a file name, a glob pattern for one, or `@saved`. Raises NotUnderstood.
    """
    settings: dict[str, str] = {}
    for token in parse("bls", text, file=file).tokens("PAIR"):
        key, *value = token.text.strip(" \t\r\n").replace("\t", " ").split(" ", 1)
        if value:
            settings[key] = _unquoted(value[0].lstrip(" "))
    return Document(file, "loader-conf", settings=settings)


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value.startswith('"') and value.endswith('"')
    return value[1:-1] if quoted else value


FORMAT = Format(name="loader-conf", find=find, parse=parse_settings)
