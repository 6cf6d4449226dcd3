"""GRUB legacy: its configuration, and what its generators and kernel packages make of it."""

from collections.abc import Sequence

from grubkd import octets
from grubkd.boot.joins.joined import Candidate, Joined
from grubkd.boot.model import Document, Feeds, Future, Line, Slot
from grubkd.root import Tree

# `savedefault` keeps the entry's number in this file, followed by newlines and a notice.
SAVED_DEFAULT = "/boot/grub/default"


def join(documents: Sequence[Document], tree: Tree) -> tuple[Joined, ...]:
    """The entries in file order; the default by number, which GRUB 0.97 takes as 0 where no statement gives one."""
    return tuple(_join_one(document, tree) for document in documents)


def _join_one(document: Document, tree: Tree) -> Joined:
    default = _default(document, tree)
    candidates = tuple(
        Candidate(stanza, document.file, default=position == default)
        for position, stanza in enumerate(document.stanzas)
    )
    return Joined("grub-legacy", (document.file,), candidates, {}, _futures(document, default))


def _default(document: Document, tree: Tree) -> int | None:
    value = document.settings.get("default", "0").strip()
    if value == "saved":
        value = "0"
        if tree.exists(SAVED_DEFAULT):
            value = octets.from_bytes(tree.read(SAVED_DEFAULT)).partition("\n")[0].strip() or "0"
    return int(value) if value.isascii() and value.isdigit() else None


def _futures(document: Document, default: int | None) -> tuple[Future, ...]:
    """The lines of kernels installed later.

    Debian's update-grub makes its entries from `# kopt=` and gives `# defoptions=` to those that are not single-user;
    under Xen the hypervisor gets `# xenhopt=`. Elsewhere (grubby, new-kernel-pkg) a new kernel copies the default.
    """
    slots: dict[str, list[Slot]] = {}
    for assignment in document.assignments:
        # The last statement of a name is the one in effect.
        slots[assignment.variable] = [assignment.slot]
    # kopt_2_6 takes the place of kopt for 2.6 kernels, the only ones that can be meant today.
    kopt = slots.get("kopt_2_6") or slots.get("kopt") or []
    defoptions = slots.get("defoptions") or []
    futures = []
    if kopt or defoptions:
        line = Line(tuple(kopt + defoptions), (kopt or defoptions)[-1])
        futures.append(Future("kopt" if kopt else "defoptions", line, Feeds.NORMAL, "grub-legacy"))
    if kopt:
        futures.append(Future("kopt", Line(tuple(kopt), kopt[-1]), Feeds.RECOVERY, "grub-legacy"))
    if xenhopt := slots.get("xenhopt"):
        futures.append(Future("xenhopt", Line(tuple(xenhopt), xenhopt[-1]), Feeds.XEN, "grub-legacy"))
    if not futures and default is not None and default < len(document.stanzas):
        images = document.stanzas[default].images
        if images and images[0].slots:
            line = Line(images[0].slots, images[0].slots[-1])
            futures.append(Future("default entry", line, Feeds.NONE, "grub-legacy", copied=True))
    return tuple(futures)
