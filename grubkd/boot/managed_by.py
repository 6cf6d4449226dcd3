"""ManagedBy: why an entry's arguments cannot be edited in a file of text."""

from __future__ import annotations

from enum import Enum


class ManagedBy(Enum):
    """What keeps the arguments of an entry from being edited where they stand.

    OSTREE and BOOTC: the deployments of an image, changed by their own tools. UKI: a unified kernel image, which holds
    its arguments in itself, often signed. PARMFILE: zipl joins them from two files.
    """

    OSTREE = "ostree"
    BOOTC = "bootc"
    UKI = "uki"
    PARMFILE = "parmfile"
