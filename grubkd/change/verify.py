"""The tree as it would be, read again, is the tree as it was but for the planned arguments; and the kernel can read it.

Run before the first write, on the new texts, and again after the last, on the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.model import Role
from grubkd.errors import CannotHold, ForeignValue, Place, TooLong, VerificationFailed, place_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grubkd.boot.model import BootConfig, Entry, Line, LineKey
    from grubkd.change.changes import ChangeSet

# COMMAND_LINE_SIZE, the final NUL included: x86 and arm64 2048, riscv 1024, every other architecture 4096
# (Linux 2.6.25 to 7.2). Where the architecture is not known the commonest holds.
_SIZES = {"riscv64": 1024, "ppc64le": 4096, "s390x": 4096, "loongarch64": 4096}
_COMMON_SIZE = 2048


def check(old: BootConfig, new: BootConfig, expected: Mapping[LineKey, tuple[str, ...]]) -> None:
    """Compare two readings of the tree. Raises VerificationFailed at the first difference that was not planned.

    `expected`: key of each line of `old` -> the effective arguments it must have in `new`. A new file may add a
    future line.
    """
    if new.errors:
        raise VerificationFailed(f"the edited file would not be understood: {new.errors[0]}", hint=new.errors[0].hint)
    if [_face(entry) for entry in old.entries] != [_face(entry) for entry in new.entries]:
        raise VerificationFailed("the boot entries would no longer be the same", hint="nothing was written")
    for before, after in zip(old.entries, new.entries, strict=True):
        for mine, yours in zip(before.boots, after.boots, strict=True):
            _compare(expected[mine.line.key], yours.line, f"entry {before.index} ({before.title})")
    # A file that did not exist is read as one more future line, at its own place among them.
    made = {(future.variable, future.line.home.file, future.feeds): future for future in new.new_kernels}
    for future in old.new_kernels:
        wanted = expected[future.line.key]
        found = made.get((future.variable, future.line.home.file, future.feeds))
        if found is not None and (found.seed is None or not wanted):
            if found.seed is None:
                _compare(wanted, found.line, f"{future.variable} in {future.line.home.file}")
        else:
            raise VerificationFailed(f"{future.variable} in {future.line.home.file} would be lost")


def _face(entry: Entry) -> tuple[object, ...]:
    paths = tuple((boot.role, boot.path) for boot in entry.boots)
    return (entry.title, entry.id, entry.version, entry.initrds, entry.default, entry.linux, entry.foreign, paths)


def _compare(wanted: tuple[str, ...], line: Line, whose: str) -> None:
    found = tuple(line.arguments())
    if found != wanted and list(map(cmdline.meaning, found)) != list(map(cmdline.meaning, wanted)):
        raise VerificationFailed(
            f"{whose} would read {' '.join(found)!r} instead of {' '.join(wanted)!r}", hint="nothing was written"
        )


def fits(old: BootConfig, planned: ChangeSet, architecture: str | None) -> None:
    """See that every line asked about can be read by the kernel as meant.

    Raises TooLong beyond COMMAND_LINE_SIZE, CannotHold for a quote that is never closed, ForeignValue for a text the
    kernel would take as a crashkernel value although it is no argument of its own.
    """
    size = _SIZES.get(architecture or "", _COMMON_SIZE)
    # Most entries of a menu have the same arguments.
    closed: set[tuple[str, ...]] = set()
    clear: set[tuple[str, ...]] = set()
    for line, place, path, initrds, xen in _lines(old):
        words = planned.expected[line.key]
        # Xen takes its parameters apart word by word; the Linux kernel looks for the text anywhere.
        if line.key in planned.valued and not xen and words not in clear:
            _check_foreign(old, line, words, place)
            clear.add(words)
        if words == tuple(line.arguments()):
            continue
        if words not in closed:
            _check_quotes(old, line, words, place)
            closed.add(words)
        # GRUB puts BOOT_IMAGE= before the line, systemd-boot and EFI stubs initrd= for each.
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
    for future in config.new_kernels:
        place = Place(future.line.home.file, future.line.home.line)
        yield future.line, place, "", (), False


def _check_quotes(config: BootConfig, line: Line, words: tuple[str, ...], place: Place) -> None:
    for word in words:
        if cmdline.unbalanced(word) >= 0:
            raise CannotHold(
                f"the quote in {word!r} is never closed: the kernel reads everything behind it as one argument",
                hint=f"close the quote, or remove the argument: --remove-arg '{cmdline.name_of(word)}'",
                place=_place_of(config, line, word, '"') or place,
            )


def _check_foreign(config: BootConfig, line: Line, words: tuple[str, ...], place: Place) -> None:
    """The kernel looks for `crashkernel=` anywhere in the line, also inside other arguments; its last find wins.

    A plain value of ours that stands behind such a text wins over it. A `,high` or `,low` value does not.
    """
    ours = [index for index, word in enumerate(words) if cmdline.is_crashkernel(word)]
    plain = bool(ours) and not any(words[index].endswith((",high", ",low", ",cma")) for index in ours)
    for index, word in enumerate(words):
        hidden = word.find("crashkernel=", 1)
        if hidden > 0 and not (plain and index < ours[-1]):
            found = _place_of(config, line, word, word[0]) or place
            raise ForeignValue(
                f"the kernel would read {word[hidden:]!r} inside {word!r}, whatever else the line holds",
                hint=f"remove that argument first: --remove-arg '{cmdline.name_of(word)}'",
                place=found,
            )


def _place_of(config: BootConfig, line: Line, word: str, part: str) -> Place | None:
    """Where a part of a word stands in its file; None for a word that is new."""
    for slot, held in line.pieces():
        if held.text == word and slot.file in config.texts:
            text = config.texts[slot.file]
            return place_at(slot.file, text, max(text.find(part, held.start, held.end), held.start))
    return None
