"""cmdline.txt of the Raspberry Pi, whose firmware starts the kernel itself: one entry, the first line of the file.

config.txt names the file: `cmdline=NAME` (default cmdline.txt), `os_prefix=DIR/` before it and the kernel's name. The
last value counts; a `[section]` other than [all] holds on some boards only (Raspberry Pi documentation, config_txt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.document import Document, Image, Slot, Stanza
from grubkd.boot.loaders.format import Format, LoaderMenu, MenuItem, on_one_line
from grubkd.boot.words import open_quotes, span, words
from grubkd.errors import GrubkdError, Notice, Place
from grubkd.parsing.grammar import Token, parse
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from grubkd.boot.loaders.format import Sources
    from grubkd.tree.tree import Tree

# Where the firmware's partition is mounted: since Debian 12, and before.
_DIRECTORIES = ("/boot/firmware", "/boot")
_KERNELS = ("kernel8.img", "kernel_2712.img", "kernel7l.img", "kernel7.img", "kernel.img", "vmlinuz")
_SETTINGS = ("cmdline", "os_prefix", "kernel")


def find(tree: Tree) -> tuple[str, ...]:
    """The real path of the file that the firmware reads, as a tuple of one, or () on any other machine."""
    found = _firmware(tree)
    real = tree.resolve(f"{found[0]}/{found[1]['os_prefix']}{found[1]['cmdline']}") if found else None
    return (real,) if real else ()


def _firmware(tree: Tree) -> tuple[str, dict[str, str], bool] | None:
    """The firmware's directory, the settings of its config.txt, and whether they hold for all boards."""
    for directory in _DIRECTORIES:
        names = tree.list(directory)
        started = any(name.startswith(("start", "kernel")) and name.endswith((".elf", ".img")) for name in names)
        if "config.txt" in names and started:
            try:
                text = from_bytes(tree.read(f"{directory}/config.txt"))
                settings, certain = _settings(f"{directory}/config.txt", text)
            except GrubkdError:
                return None
            prefix = settings["os_prefix"]
            kernels = (settings["kernel"],) if settings["kernel"] else _KERNELS
            settings["kernel"] = next((each for each in kernels if tree.exists(f"{directory}/{prefix}{each}")), "")
            if prefix and not settings["kernel"]:
                # The firmware does not use a prefix without a kernel.
                settings.update(os_prefix="", kernel=next((each for each in kernels if each in names), ""))
            return directory, settings, certain
    return None


def _settings(file: str, text: str) -> tuple[dict[str, str], bool]:
    settings = {"cmdline": "cmdline.txt", "os_prefix": "", "kernel": ""}
    certain = True
    section = "[all]"
    for child in parse("name_value", text, file=file).children:
        if isinstance(child, Token):
            section = child.text.strip().lower()
            continue
        name = next(child.tokens("NAME")).text
        value = next((token.text for token in child.tokens("VALUE")), "")
        if name in _SETTINGS and section == "[all]":
            settings[name] = value.strip()
        elif name in ("cmdline", "os_prefix") and section != "[none]":
            certain = False
    return settings, certain


def parse_cmdline(file: str, text: str) -> Document:
    """The first line as a stanza; a warning about the other lines."""
    line = text.partition("\n")[0].rstrip("\r")
    found = words(text, 0, len(line))
    slot = Slot(file, "raspberrypi", "cmdline", *span(found, 0), 1, found)
    rest = text[len(line) :].lstrip()
    notices = [*open_quotes(file, text, slot.start, slot.end)]
    if rest:
        number = text.count("\n", 0, len(text) - len(rest)) + 1
        message = "the firmware reads the first line only"
        notices.append(Notice("options-not-read", message, "join the arguments in one line", Place(file, number)))
    stanza = Stanza("Raspberry Pi", 1, (Image("", (slot,), 1),), id="raspberrypi")
    return Document(file, "raspberrypi", (stanza,), warnings=tuple(notices))


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The one entry of the firmware."""
    found = _firmware(tree)
    documents = sources.documents["raspberrypi"]
    if not found or not documents:
        return []
    directory, settings, certain = found
    document = documents[0]
    stanza = document.stanzas[0]
    slots = stanza.images[0].slots
    path = settings["os_prefix"] + (settings["kernel"] or "kernel.img")
    not_known = "" if certain else f"gets its file from {directory}/config.txt, which sets it for some boards only"
    stanza = Stanza(stanza.title, 1, (Image(path, slots, 1),), id=stanza.id, not_known=not_known)
    files = (document.file, f"{directory}/config.txt")
    return [LoaderMenu("raspberrypi", files, (MenuItem(stanza, document.file, default=True),))]


FORMAT = Format(
    "raspberrypi",
    parse_cmdline,
    paths=("/boot/*.txt", "/boot/*/*.txt", "/boot/firmware/*/*.txt"),
    choose=find,
    quote=on_one_line,
)
