"""How the capture kernel is configured to run."""

from __future__ import annotations

import re

from grubkd import octets
from grubkd.errors import GrubkdError
from grubkd.lazily import expression

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grubkd.tree import Tree

_FILES = ("/etc/sysconfig/kdump", "/etc/default/kdump-tools")
_CPUS = expression(r"^[^#\n]*\b(?:nr_cpus|maxcpus)=(\d{1,4})\b", re.MULTILINE)


def cpus(tree: Tree) -> int:
    """The CPUs that it starts, by the arguments that the kdump service appends; 0 where nothing tells."""
    for path in _FILES:
        try:
            found = _CPUS.findall(octets.from_bytes(tree.read(path))) if tree.exists(path) else []
        except GrubkdError:
            continue
        if found:
            return int(found[-1])
    return 0
