"""The edit that makes an entry the default one, and how it is taken back in a file that was changed since.

Only the value is replaced, or a statement added: no other byte of the file changes, but for the number signs that fill
GRUB's environment block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot import inventory
from grubkd.boot.default_entry import place_of
from grubkd.boot.loaders import FORMATS
from grubkd.errors import CannotHold, NoDefaultPlace, Notice, Place, VerificationFailed
from grubkd.text import from_bytes, to_bytes, to_display
from grubkd.tree.tree import Overlay

if TYPE_CHECKING:
    from grubkd.boot.default_entry import DefaultPlace
    from grubkd.boot.document import DefaultSetting, Document
    from grubkd.boot.model import BootConfig, Entry
    from grubkd.tree.tree import Tree

# bootctl set-default writes this variable; systemd-boot then does not read `default` of loader.conf.
_VARIABLE = "/sys/firmware/efi/efivars/LoaderEntryDefault-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_FORMATS = {each.name: each for each in FORMATS}


def plan(tree: Tree, config: BootConfig, entry: Entry) -> tuple[DefaultPlace, dict[str, bytes | None]]:
    """The place that names the default entry, and the files that differ when it names this one; checked in memory.

    Raises NoDefaultPlace where no file does, CannotHold where it cannot name this entry.
    """
    place = place_of(config, entry)
    file = place.document.file
    if place.document.format == "loader-conf" and tree.live and tree.exists(_VARIABLE):
        raise NoDefaultPlace(
            "the EFI variable LoaderEntryDefault decides: systemd-boot does not read `default` of loader.conf",
            hint=f"run: bootctl set-default {place.value}",
            commands=(("bootctl", "set-default", place.value),),
            place=Place(file),
        )
    if place.held:
        return place, {}
    text = config.texts[file]
    made = _with_value(place.document, place.setting, text, place.value)
    after: dict[str, bytes | None] = {file: to_bytes(made)} if made != text else {}
    new = inventory.read(Overlay(tree, after), config)
    if new.errors or not any(each.default for each in new.entries if each.index == entry.index):
        raise CannotHold(
            f"{place.setting.variable} cannot name entry {entry.index}: its id or title would be read otherwise",
            hint="give the entry an id or a title of its own, without > and quotes",
            place=Place(file),
        )
    check(config, new, entry.index)
    return place, after


def check(old: BootConfig, new: BootConfig, index: int) -> None:
    """Compare two readings of the tree: the entry `index` is the default one, and nothing else differs.

    Raises VerificationFailed.
    """
    if new.errors:
        raise VerificationFailed(f"the edited file would not be understood: {new.errors[0]}", hint=new.errors[0].hint)
    if list(map(_face, old.entries)) != list(map(_face, new.entries)):
        raise VerificationFailed("the boot entries would no longer be the same", hint="nothing was written")
    if not new.entries[index].default:
        raise VerificationFailed(f"entry {index} would not be the default one", hint="nothing was written")


def _face(entry: Entry) -> tuple[object, ...]:
    return (entry.title, entry.id, entry.source.file, *((boot.path, boot.arguments) for boot in entry.boots))


def _with_value(document: Document, setting: DefaultSetting, text: str, value: str) -> str:
    """The text of a document with another default entry. Raises TooLong, CannotHold."""
    made = f"{text[: setting.start]}{setting.before}{value}{setting.after}{text[setting.end :]}"
    return _FORMATS[document.format].finish(document.file, text, made)


def taken_back(config: BootConfig, file: str, old: bytes, wrote: object) -> tuple[bytes, tuple[Notice, ...]] | None:
    """The present text of a file with the default entry that its old text names, and a notice if it names a third one.

    `wrote`: the value that the transaction wrote, as history shows it. None where the file has no such setting now.
    """
    document = next((each for each in config.documents.values() if each.file == file and each.default), None)
    if document is None or document.default is None or document.default.absent:
        return None
    text, before, now = config.texts[file], from_bytes(old), document.default
    earlier = _FORMATS[document.format].parse(file, before).default
    if earlier is None:
        return None
    present = text[now.start : now.end]
    if earlier.absent:
        start, end = now.start - len(earlier.before), now.end + len(earlier.after)
        if text[start : now.start] != earlier.before or text[now.end : end] != earlier.after:
            return None
        made = _FORMATS[document.format].finish(file, text, text[:start] + text[end:])
        value = "nothing"
    else:
        value = before[earlier.start : earlier.end]
        made = _with_value(document, now, text, value)
    notices: tuple[Notice, ...] = ()
    if to_display(present) != wrote and present != value:
        message = f"somebody changed the default entry since: {present} is replaced by {value}"
        hint = "see: grubkd default"
        notices = (Notice("changed-since", message, hint=hint, place=Place(file)),)
    return to_bytes(made), notices
