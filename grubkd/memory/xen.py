"""How the Xen hypervisor reads crashkernel=: it has its own parser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grubkd.memory.release import Release


@dataclass(frozen=True, slots=True)
class Hypervisor:
    """A version of Xen."""

    version: tuple[int, int]

    @property
    def ranges(self) -> bool:
        """Whether it reads a list of ranges of RAM: since 4.0."""
        return self.version >= (4, 0)

    @property
    def automatic(self) -> bool:
        """Whether it finds a place by itself: since 3.4."""
        return self.version >= (3, 4)


_NAMED = re.compile(r"xen(?:\.gz)?[-_]v?(\d{1,2})\.(\d{1,3})(?!\d*\.\d+-\d)")
# RHEL 5 has Xen 3.1 and names the file after the kernel.
_OF_LINUX_2_6_18 = (3, 1)


def hypervisor_of_image(name: str, release: Release | None) -> Hypervisor:
    """The hypervisor by its file name (`xen-4.17-amd64.gz`), else by the release of the kernel that it starts."""
    if release is not None and release.version < (2, 6, 27):
        return Hypervisor(_OF_LINUX_2_6_18)
    found = _NAMED.match(name)
    if found and int(found[1]) >= 3:
        return Hypervisor((int(found[1]), int(found[2])))
    return Hypervisor((4, 0))
