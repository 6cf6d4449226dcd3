"""Root -> BootConfig: which formats are present, which slots feed which entry, and which feed the future."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.build import entry_of
from grubkd.boot.loaders import FORMATS
from grubkd.boot.loaders import join_bls as bls
from grubkd.boot.loaders import join_extlinux as extlinux
from grubkd.boot.loaders import join_grub2 as grub2
from grubkd.boot.loaders import join_legacy as legacy
from grubkd.boot.loaders import join_ostree as ostree
from grubkd.boot.loaders import join_uki as uki
from grubkd.boot.loaders import join_zipl as zipl
from grubkd.boot.managed_by import ManagedBy
from grubkd.boot.model import BootConfig, Bootloader
from grubkd.errors import GrubkdError
from grubkd.log import logger
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grubkd.boot.loaders.format import Format
    from grubkd.boot.loaders.joined import LoaderMenu
    from grubkd.boot.model import Document, Entry
    from grubkd.errors import Notice
    from grubkd.tree.tree import Tree


class _Reading:
    """Every file of every format, parsed once; what could not be read is kept as its error."""

    def __init__(self, tree: Tree) -> None:
        self.documents: dict[str, list[Document]] = {}
        self.texts: dict[str, str] = {}
        self.errors: list[GrubkdError] = []
        self.failed: list[tuple[str, str]] = []
        for each in FORMATS:
            found = self.documents[each.name] = []
            for file in each.find(tree):
                try:
                    text = from_bytes(tree.read(file))
                    found.append(_parsed(each, file, text))
                    self.texts[file] = text
                except GrubkdError as problem:
                    self.errors.append(problem)
                    self.failed.append((each.name, file))

    def warnings(self) -> list[Notice]:
        return [notice for found in self.documents.values() for document in found for notice in document.warnings]


def _parsed(form: Format, file: str, text: str) -> Document:
    """What a file says. Of each file the last document is kept: a change reads the tree before, as planned, and after.

    Raises NotUnderstood.
    """
    known = _KNOWN.get((form.name, file))
    if known is None or known[0] != text:
        known = _KNOWN[(form.name, file)] = text, form.parse(file, text)
    return known[1]


_KNOWN: dict[tuple[str, str], tuple[str, Document]] = {}


def read(tree: Tree) -> BootConfig:
    """How the tree boots. Files that cannot be read or understood are in `errors`; nothing is raised for them."""
    reading = _Reading(tree)
    documents = reading.documents
    scripts, environments = documents["grub2"], documents["grubenv"]
    snippets = documents["bls"]
    reader = _reader_of_snippets(tree, documents)
    grub = reader is bls.Reader.GRUB
    images, malformed = uki.read(tree)
    unified = [each.stanza for each in images]
    deployments = ostree.manager_of(tree)
    joins: list[LoaderMenu | None] = [
        *legacy.join(documents["grub-legacy"], tree),
        grub2.join(scripts, documents["default-grub"], environments, tree, bls=grub),
        zipl.join(documents["zipl"], tree),
        *ostree.join(
            bls.join(
                snippets,
                documents["loader-conf"],
                documents["kernel-cmdline"],
                scripts,
                environments,
                zipls=documents["zipl"],
                unified=unified,
                reader=reader,
            ),
            tree,
            deployments,
        ),
        uki.join(images, snippets, documents["loader-conf"], alone=not scripts and not documents["zipl"]),
        *extlinux.join(documents["extlinux"], tree),
    ]
    joined = [each for each in joins if each is not None]
    entries: list[Entry] = []
    futures = [future for each in joined for future in each.new_kernels]
    for each in joined:
        mine = [
            entry_of(
                candidate.stanza,
                file=candidate.file,
                format_name=each.format,
                index=index,
                default=candidate.default,
                foreign=candidate.foreign,
                managed_by=candidate.managed_by,
                deployments=deployments or ManagedBy.OSTREE,
                references=each.references,
            )
            for index, candidate in enumerate(each.candidates, len(entries))
        ]
        entries.extend(mine)
        if each.format == "bls":
            futures.extend(bls.missing_cmdline(documents["kernel-cmdline"], mine, tree))
    managed_by = deployments if not any(entry.own_linux and not entry.managed_by for entry in entries) else None
    warnings = reading.warnings() + malformed + [notice for each in joined for notice in each.warnings]
    bootloaders = tuple(_bootloaders(joined, reading))
    for one in bootloaders:
        logger.info("found %s: %s", one.format, ", ".join(one.files))
    logger.info("found %d entries, %d sources of new kernels", len(entries), len(futures))
    return BootConfig(
        bootloaders=bootloaders,
        entries=tuple(entries),
        # A new deployment takes its arguments from the one before it.
        new_kernels=() if managed_by else tuple(futures),
        texts=reading.texts,
        errors=tuple(reading.errors),
        warnings=tuple(warnings),
        followups=tuple(followup for each in joined for followup in each.followups),
        managed_by=managed_by,
    )


def _reader_of_snippets(tree: Tree, documents: Mapping[str, Sequence[Document]]) -> bls.Reader:
    """Who reads the snippets: GRUB if its script calls blscfg or it is all there is, zipl if it is configured.

    A loader.conf is systemd-boot's alone.
    """
    scripts = documents["grub2"]
    if any("blscfg" in script.settings for script in scripts):
        return bls.Reader.GRUB
    if documents["zipl"]:
        return bls.Reader.ZIPL
    alone = not scripts and not documents["loader-conf"] and bool(documents["bls"]) and bool(tree.list("/boot/grub2"))
    return bls.Reader.GRUB if alone else bls.Reader.SYSTEMD_BOOT


_PARTS = {
    "grub-legacy": ("grub-legacy",),
    "grub2": ("grub2", "default-grub", "grubenv"),
    "zipl": ("zipl",),
    "bls": ("bls", "kernel-cmdline", "loader-conf"),
    "ostree": ("bls",),
    "uki": (),
    "extlinux": ("extlinux",),
}


def _bootloaders(joined: Sequence[LoaderMenu], reading: _Reading) -> list[Bootloader]:
    """The bootloaders in the order of their entries, with the files that could not be read among theirs.

    Files stand in the order of their kinds; the snippets in that of the menu.
    """
    made = []
    for name, formats in _PARTS.items():
        failed = [(formats.index(kind), file) for kind, file in reading.failed if kind in formats]
        read = [file for each in joined if each.format == name for file in each.files]
        kinds = {document.file: formats.index(kind) for kind in formats for document in reading.documents[kind]}
        files = [(kinds.get(file, len(kinds)), file) for file in read] + failed
        if files or any(each.format == name for each in joined):
            made.append(Bootloader(name, tuple(file for _, file in sorted(files, key=lambda each: each[0]))))
    return made
