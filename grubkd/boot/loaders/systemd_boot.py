"""systemd-boot's own configuration, $ESP/loader/loader.conf, and the default entry that it gives."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from grubkd.boot import menuorder
from grubkd.boot.document import DefaultSetting, Document
from grubkd.boot.loaders.format import Format, absent_default, setting
from grubkd.parsing.grammar import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.document import Stanza

FILES = ("/efi/loader/loader.conf", "/boot/efi/loader/loader.conf", "/boot/loader/loader.conf")


def parse_settings(file: str, text: str) -> Document:
    """The settings: the last value of each key; a key without a value is skipped. Raises NotUnderstood.

    The lines are those of a snippet (systemd's boot.c reads both by line_get_key_value). `default` is a file name, a
    glob pattern for one, or `@saved`.
    """
    settings: dict[str, str] = {}
    default = absent_default(text, len(text), "default ")
    for pair in parse("bls", text, file=file).nodes("pair"):
        key, value = next(pair.tokens("KEY")), next(pair.tokens("VALUE"), None)
        if value:
            quoted = len(value.text) > 1 and value.text.startswith('"') and value.text.endswith('"')
            settings[key.text] = value.text[1:-1] if quoted else value.text
            default = DefaultSetting("default", value.start, value.end) if key.text == "default" else default
    return Document(file, "loader-conf", settings=settings, default=default)


def default_id(stanzas: Sequence[Stanza], loader_confs: Sequence[Document]) -> str | None:
    """The id of the entry that systemd-boot boots by default: what loader.conf names, else the first of its menu.

    None where systemd-boot itself remembers the default (`@saved`), and without entries.
    """
    ordered = menuorder.systemd_boot_order(stanzas)
    pattern = (setting(loader_confs, "default") or "").lower()
    if pattern.startswith("@"):
        return None
    for stanza in ordered:
        if matches(stanza.id or "", pattern):
            return stanza.id
    return ordered[0].id if ordered else None


def matches(identity: str, pattern: str) -> bool:
    """Whether a `default` in lower case names the entry with this id; an empty `default` names none.

    A boot counter (`+3-1`) is part of the file's name but not of the entry's. systemd-boot matches the file name; older
    versions took it without its suffix.
    """
    name = menuorder.counted(identity).name.lower()
    return bool(pattern) and (fnmatchcase(name, pattern) or fnmatchcase(f"{name}.conf", pattern))


FORMAT = Format(name="loader-conf", parse=parse_settings, paths=FILES)
