"""How the capture kernel is configured to run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from grubkd.tree.tree import Tree

_FILES = ("/etc/sysconfig/kdump", "/etc/default/kdump-tools")
_CPUS = re.compile(r"^[^#\n]*\b(?:nr_cpus|maxcpus)=(\d{1,4})\b", re.MULTILINE)


def cpus(tree: Tree) -> int:
    """The CPUs that it starts, by the arguments that the kdump service appends; 0 where nothing tells."""
    for path in _FILES:
        try:
            found = _CPUS.findall(from_bytes(tree.read(path))) if tree.exists(path) else []
        except GrubkdError:
            continue
        if found:
            return int(found[-1])
    return 0
