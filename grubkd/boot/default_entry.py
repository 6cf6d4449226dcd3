"""Where a boot loader keeps its default entry, and how it names one there: pure functions of what was read.

GRUB 2: saved_entry of its environment block, where the menu reads that (GRUB_DEFAULT=saved). GRUB legacy: `default`, a
number. systemd-boot: `default` of loader.conf, a file name. zipl: `default` of zipl.conf, a section or the title of a
snippet. extlinux: ONTIMEOUT or DEFAULT, a label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import menuorder
from grubkd.boot.loaders import grub_legacy, systemd_boot, zipl
from grubkd.boot.loaders.format import SnippetReader, setting
from grubkd.boot.model import ManagedBy
from grubkd.errors import NoDefaultPlace, Place

if TYPE_CHECKING:
    from grubkd.boot.document import DefaultSetting, Document, Stanza
    from grubkd.boot.model import BootConfig, Entry

_SAVED = ("${saved_entry}", "$saved_entry")
# These boot what their own tool chose: the file that names it is written again.
_OWNED = {
    ManagedBy.OSTREE: "ostree boots the deployment it put first: see rpm-ostree rollback, ostree admin set-default",
    ManagedBy.BOOTC: "bootc boots the deployment that it put first: see bootc rollback",
    ManagedBy.NIXOS: "nixos-rebuild writes the menu: see nixos-rebuild boot",
}
_KINDS = {SnippetReader.GRUB: "grub2", SnippetReader.ZIPL: "zipl", SnippetReader.SYSTEMD_BOOT: "systemd-boot"}


class DefaultPlace(NamedTuple):
    """The place of the default entry: its document and setting there. `value`: the name of an entry at this place.

    `held`: the setting names the entry already, by a pattern. `command`: what makes a change take effect, or ().
    """

    document: Document
    setting: DefaultSetting
    value: str
    held: bool = False
    command: tuple[str, ...] = ()


def place_of(config: BootConfig, entry: Entry) -> DefaultPlace:
    """The place that makes an entry the default one. Raises NoDefaultPlace where its boot loader has none."""
    if entry.managed_by in _OWNED:
        raise NoDefaultPlace(f"entry {entry.index} is a deployment", hint=_OWNED[entry.managed_by], place=entry.source)
    kind = entry.format
    if kind in ("bls", "uki"):
        reader = config.snippet_reader if kind == "bls" else SnippetReader.SYSTEMD_BOOT
        kind = _KINDS[reader or SnippetReader.SYSTEMD_BOOT]
    if kind == "grub2":
        return _of_grub2(config, entry)
    if kind == "grub-legacy":
        return _of_grub_legacy(config, entry)
    if kind == "systemd-boot":
        return _of_systemd_boot(config, entry)
    if kind == "zipl":
        return _of_zipl(config, entry)
    if kind == "extlinux":
        return _of_extlinux(config, entry)
    raise NoDefaultPlace(
        f"grubkd writes no file that names the default entry of {kind}",
        hint="choose it with that boot loader's own settings",
        place=entry.source,
    )


def next_boot(config: BootConfig) -> str | None:
    """The entry that only the next boot starts (grub-reboot sets next_entry); None without one."""
    return setting(_documents(config, "grubenv"), "next_entry") or None


def _documents(config: BootConfig, form: str) -> list[Document]:
    return [document for (name, _), document in config.documents.items() if name == form]


def _stanza(config: BootConfig, entry: Entry, form: str) -> tuple[int, Stanza]:
    """The stanza of an entry, and its number in its file."""
    stanzas = config.documents[form, entry.source.file].stanzas
    return next((number, each) for number, each in enumerate(stanzas) if each.line == entry.source.line)


def _place(document: Document, value: str, *, held: bool = False, command: tuple[str, ...] = ()) -> DefaultPlace:
    if document.default is None:
        hint = "correct the file; then run grubkd default again"
        raise NoDefaultPlace("the file has no place for a default entry", hint=hint, place=Place(document.file))
    return DefaultPlace(document, document.default, value, held, command)


def _of_grub2(config: BootConfig, entry: Entry) -> DefaultPlace:
    other = {each.source.file for each in config.entries if each.foreign} - {
        each.source.file for each in config.entries if not each.foreign
    }
    scripts = [each for each in _documents(config, "grub2") if each.file not in other]
    default = setting(scripts, "default")
    if scripts and default not in _SAVED:
        said = f"sets default={default}" if default is not None else "sets no default"
        raise NoDefaultPlace(
            f"the menu {said}: GRUB does not read saved_entry",
            hint="write GRUB_DEFAULT=saved into /etc/default/grub and update the menu; then run grubkd default again",
            place=Place(next((each.file for each in reversed(scripts) if "default" in each.settings), scripts[0].file)),
        )
    blocks = [each for each in _documents(config, "grubenv") if each.default]
    directories = {each.file.rpartition("/")[0] for each in scripts}
    # GRUB reads the block beside the menu that it reads first; another one may be left over.
    beside = [each for each in blocks if each.file.rpartition("/")[0] in directories] or blocks
    held = [each for each in beside if "saved_entry" in each.settings] or beside
    if not held:
        tool = "grub2-editenv" if any("grub2" in each.file for each in scripts) else "grub-editenv"
        raise NoDefaultPlace(
            "there is no environment block, which would hold saved_entry",
            hint=f"run: {tool} create",
            commands=((tool, "create"),),
            place=entry.source,
        )
    value = entry.id or ""
    if entry.format == "grub2":
        _, stanza = _stanza(config, entry, "grub2")
        value = ">".join(identity or title for _, title, identity in stanza.nesting)
    document = held[-1]
    return _place(document, value.replace("\\", "\\\\"))


def _of_grub_legacy(config: BootConfig, entry: Entry) -> DefaultPlace:
    document = config.documents["grub-legacy", entry.source.file]
    number, _ = _stanza(config, entry, "grub-legacy")
    if document.settings.get("default") == "saved":
        raise NoDefaultPlace(
            f"`default saved`: GRUB takes the entry from {grub_legacy.SAVED_DEFAULT}, which only its own tool writes",
            hint=f"run: grub-set-default {number}; or write `default {number}` into the menu",
            commands=(("grub-set-default", str(number)),),
            place=Place(document.file),
        )
    return _place(document, str(number))


def _of_systemd_boot(config: BootConfig, entry: Entry) -> DefaultPlace:
    found = _documents(config, "loader-conf")
    name = menuorder.counted(entry.id or "").name
    name = f"{name}.conf" if entry.format == "bls" else name
    if not found or "preferred" in found[-1].settings:
        what = "`preferred` in loader.conf decides" if found else "there is no loader.conf"
        raise NoDefaultPlace(
            f"{what}: systemd-boot would not read a default",
            hint=f"on the running system: bootctl set-default {name}",
            commands=(("bootctl", "set-default", name),),
            place=Place(found[-1].file) if found else entry.source,
        )
    named = [each for each in found if "default" in each.settings]
    document = (named or found)[-1]
    held = systemd_boot.matches(entry.id or "", document.settings.get("default", "").lower())
    return _place(document, name, held=entry.default and held)


def _of_zipl(config: BootConfig, entry: Entry) -> DefaultPlace:
    document = next(iter(_documents(config, "zipl")))
    place = Place(document.file)
    if document.file in zipl.VENDOR_FILES:
        hint = f"copy it to {zipl.FILE}, which zipl reads first"
        commands = (("cp", document.file, zipl.FILE),)
        raise NoDefaultPlace("grubkd does not write a vendor's file", hint=hint, commands=commands, place=place)
    found, value = document.default, entry.title
    if found and found.numbers:
        value = found.numbers.get(entry.title, "")
    if found is None or not value:
        what = (
            "the menu has no item for this section" if found else "no section `defaultboot` names a menu or a default"
        )
        hint = f"add the item to the menu in {document.file}" if found else f"write `default=` into {document.file}"
        raise NoDefaultPlace(what, hint=hint, place=place)
    return _place(document, value, command=zipl.COMMAND)


def _of_extlinux(config: BootConfig, entry: Entry) -> DefaultPlace:
    documents = _documents(config, "extlinux")
    for key in ("ontimeout", "menu default", "default"):
        document = next((each for each in documents if each.settings.get(key)), None)
        if document is None:
            continue
        value = document.settings[key].lower()
        labels = {(each.id or "").lower() for each in config.entries if each.format == "extlinux"}
        if key == "menu default":
            message = f"`MENU DEFAULT` in the label {document.settings[key]} decides, and is no value to change"
            hint = "move that line to the label that you want"
        elif value not in labels:
            message = f"{key.upper()} names no label: the menu starts {value.split()[0]}"
            hint = "write ONTIMEOUT with a label into the menu; then run grubkd default again"
        else:
            break
        raise NoDefaultPlace(message, hint=hint, place=Place(document.file))
    else:
        document = documents[0]
    return _place(document, entry.id or "")
