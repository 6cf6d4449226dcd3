"""The facts of one boot that a placement depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from grubkd.memory.architecture import Architecture
    from grubkd.memory.physical import Extent, MemoryMap
    from grubkd.memory.release import Release

# Debian's kernels of these versions were booted and seen to obey the rules to the byte.
_MEASURED = frozenset({(5, 10), (6, 1), (6, 12), (7, 2)})


class Boot(NamedTuple):
    """A kernel, its machine and its memory; the optional facts as in placement.place."""

    release: Release
    machine: Architecture
    memory: MemoryMap
    kernel_image: Extent | None = None
    initrd: Extent | None = None
    kaslr: bool = False
    borders: tuple[int, ...] = ()
    efi: bool = False

    @property
    def measured(self) -> bool:
        """Whether kernels of this version were booted and seen to obey the rules to the byte."""
        return self.release.exact and self.release.version[:2] in _MEASURED
