"""Checks of an edit: the edited tree, read again, differs in the planned arguments only; kernels can read the lines.

They run before the first write, on the new texts, and after the last one, on the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot import cmdline, inventory
from grubkd.boot.loaders.grub_mkconfig import DROP_IN
from grubkd.boot.model import Role
from grubkd.change import edit
from grubkd.errors import CannotHold, ForeignValue, Place, TooLong, VerificationFailed, place_at
from grubkd.text import in_quotes, to_bytes
from grubkd.tree.tree import Overlay

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grubkd.boot.model import BootConfig, Entry, Line, LineKey
    from grubkd.change.changes import ChangeSet
    from grubkd.memory.architecture import Architecture
    from grubkd.tree.tree import Tree

# COMMAND_LINE_SIZE, the final NUL included: x86 and arm64 2048, riscv 1024, every other architecture 4096
# (Linux 2.6.25 to 7.2). The most common size is assumed where the architecture is not known.
_SIZES = {"riscv64": 1024, "ppc64le": 4096, "s390x": 4096, "loongarch64": 4096}
_COMMON_SIZE = 2048


def edited(tree: Tree, config: BootConfig, planned: ChangeSet) -> tuple[dict[str, bytes | None], BootConfig]:
    """The files that a planned change makes different, and the tree read with them; checked in memory.

    Raises VerificationFailed, and as edit.apply does.
    """
    texts = edit.apply(config.texts, planned.edits)
    found = {path: to_bytes(text) for path, text in texts.items() if text != config.texts.get(path)}
    # grubkd's own drop-in goes when it holds no argument any more.
    after = {path: data if data or path != DROP_IN else None for path, data in found.items()}
    verified = inventory.read(Overlay(tree, after), config) if after else config
    check(config, verified, planned.expected)
    return after, verified


def check(old: BootConfig, new: BootConfig, expected: Mapping[LineKey, tuple[str, ...]]) -> None:
    """Compare two readings of the tree. Raises VerificationFailed at the first difference that was not planned.

    `expected`: key of each line of `old` -> the effective arguments it must have in `new`. A new file may add a
    line for new kernels.
    """
    if new.errors:
        raise VerificationFailed(f"the edited file would not be understood: {new.errors[0]}", hint=new.errors[0].hint)
    if [_face(entry) for entry in old.entries] != [_face(entry) for entry in new.entries]:
        raise VerificationFailed("the boot entries would no longer be the same", hint="nothing was written")
    for before, after in zip(old.entries, new.entries, strict=True):
        for mine, yours in zip(before.boots, after.boots, strict=True):
            _compare(expected[mine.line.key], yours.line, f"entry {before.index} ({before.title})")
    # A file that did not exist adds a line for new kernels, at its own place among them.
    made = {(each.variable, each.line.home.file, each.feeds): each for each in new.new_kernels}
    for each in old.new_kernels:
        wanted = expected[each.line.key]
        found = made.get((each.variable, each.line.home.file, each.feeds))
        if found is not None and (found.seed is None or not wanted):
            if found.seed is None:
                _compare(wanted, found.line, f"{each.variable} in {each.line.home.file}")
        else:
            raise VerificationFailed(f"{each.variable} in {each.line.home.file} would be lost")


def _face(entry: Entry) -> tuple[object, ...]:
    paths = tuple((boot.role, boot.path) for boot in entry.boots)
    return (entry.title, entry.id, entry.version, entry.initrds, entry.default, entry.linux, entry.foreign, paths)


def _compare(wanted: tuple[str, ...], line: Line, whose: str) -> None:
    found = tuple(line.arguments())
    if found != wanted and list(map(cmdline.meaning, found)) != list(map(cmdline.meaning, wanted)):
        raise VerificationFailed(
            f"{whose} would read {in_quotes(' '.join(found))} instead of {in_quotes(' '.join(wanted))}",
            hint="nothing was written",
        )


def fits(old: BootConfig, planned: ChangeSet, architecture: Architecture | None) -> None:
    """Check that the kernel reads every planned line as meant.

    Raises TooLong beyond COMMAND_LINE_SIZE, CannotHold for a quote that is never closed, ForeignValue for a text the
    kernel would take as a crashkernel value although it is no argument of its own.
    """
    size = _SIZES.get(architecture or "", _COMMON_SIZE)
    for line, place, path, initrds, xen in _lines(old):
        words = planned.expected[line.key]
        # Xen reads its parameters word by word; the Linux kernel looks for the text anywhere in the line.
        if line.key in planned.valued and not xen:
            _check_foreign(old, line, words, place)
        if words == tuple(line.arguments()):
            continue
        _check_quotes(old, line, words, place)
        # GRUB puts BOOT_IMAGE= before the line; systemd-boot and EFI stubs put initrd= before it, once for each initrd.
        added = len(f"BOOT_IMAGE={path} ") + sum([len(f"initrd={initrd} ") for initrd in initrds])
        length = sum(map(len, words)) + max(len(words) - 1, 0)
        if length + added >= size:
            raise TooLong(
                f"the kernel command line would have {length + added} bytes; the kernel reads {size - 1}",
                hint="remove arguments first (--remove-arg)",
                place=place,
            )


def _lines(config: BootConfig) -> Iterator[tuple[Line, Place, str, tuple[str, ...], bool]]:
    for entry in config.entries:
        for boot in entry.boots:
            yield boot.line, entry.source, boot.path, entry.initrds, boot.role is Role.HYPERVISOR
    for each in config.new_kernels:
        place = Place(each.line.home.file, each.line.home.line)
        yield each.line, place, "", (), False


def _check_quotes(config: BootConfig, line: Line, words: tuple[str, ...], place: Place) -> None:
    for word in words:
        if cmdline.unbalanced(word) >= 0:
            raise CannotHold(
                f"the quote in {in_quotes(word)} is never closed: the kernel reads everything behind it "
                "as one argument",
                hint=f"close the quote, or remove the argument: --remove-arg '{cmdline.name_of(word)}'",
                place=_place_of(config, line, word, '"') or place,
            )


def _check_foreign(config: BootConfig, line: Line, words: tuple[str, ...], place: Place) -> None:
    """Refuse a line in which another argument contains `crashkernel=`: the kernel takes the last one, wherever it is.

    A plain value of ours behind such a text wins over it. A `,high` or `,low` value does not.
    """
    ours = [index for index, word in enumerate(words) if cmdline.is_crashkernel(word)]
    plain = bool(ours) and not any(words[index].endswith((",high", ",low", ",cma")) for index in ours)
    for index, word in enumerate(words):
        hidden = word.find("crashkernel=", 1)
        if hidden > 0 and not (plain and index < ours[-1]):
            found = _place_of(config, line, word, word[0]) or place
            raise ForeignValue(
                f"the kernel would read {in_quotes(word[hidden:])} inside {in_quotes(word)}, "
                "whatever else the line holds",
                hint=f"remove that argument first: --remove-arg '{cmdline.name_of(word)}'",
                place=found,
            )


def _place_of(config: BootConfig, line: Line, word: str, part: str) -> Place | None:
    """The place of a part of a word in its file; None for a new word."""
    for slot, held in line.pieces():
        if held.text == word and slot.file in config.texts:
            text = config.texts[slot.file]
            return place_at(slot.file, text, max(text.find(part, held.start, held.end), held.start))
    return None
