"""Root -> BootConfig: reads all files of all formats and joins them into entries and the lines of new kernels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grubkd.boot.entry import entry_of
from grubkd.boot.image import Images
from grubkd.boot.loaders import (
    FORMATS,
    LOADERS,
    grub2,
    grub_entries,
    kernel_cmdline,
    owners,
    shell_options,
    uki,
)
from grubkd.boot.loaders.format import Loader, SnippetReader, Sources
from grubkd.boot.model import BootConfig, Bootloader, ManagedBy
from grubkd.errors import GrubkdError
from grubkd.log import logger
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grubkd.boot.document import Document
    from grubkd.boot.loaders.format import Format, LoaderMenu
    from grubkd.boot.model import Entry, NewKernelArgs
    from grubkd.errors import Notice
    from grubkd.tree.tree import Tree


def read(tree: Tree, earlier: BootConfig | None = None, grub_cfg: str | None = None) -> BootConfig:
    """How the tree boots. Files that cannot be read or understood are in `errors`; nothing is raised for them.

    `earlier`: another reading; files with the same text are not parsed again. `grub_cfg`: read this menu alone, as
    `earlier` did if it did.
    """
    grub_cfg = grub_cfg or (earlier.grub_cfg if earlier else None)
    loaders = (_only(grub_cfg),) if grub_cfg else LOADERS
    files = _FileReader(earlier, documents={form.name: [] for form in FORMATS})
    for form in [form for loader in loaders for form in loader.formats]:
        files.read(form, tree)
    images, no_images = ([], []) if grub_cfg else uki.find_images(tree)
    sources = Sources(files.documents, images, _snippet_reader(files.documents, tree))
    menus = [(each, [owners.adopted(menu, sources, tree) for menu in each.menus(sources, tree)]) for each in loaders]
    joined = [menu for _, found in menus for menu in found]
    entries = _entries(joined, tree)
    new_kernels = _new_kernels(joined, entries, files, tree)
    owner = None if grub_cfg or new_kernels or any(each.own_linux for each in entries) else owners.named(tree)
    editable = any(entry.own_linux and not entry.managed_by for entry in entries)
    managed_by = None if editable else owners.image_tool(tree) or (ManagedBy.NAMED if owner else None)
    config = BootConfig(
        bootloaders=(
            *(each for loader, found in menus for each in _bootloaders(loader, found, files)),
            *([Bootloader(owner.name, (owner.file,))] if owner else ()),
        ),
        entries=tuple(entries),
        # A new deployment takes its arguments from the one before it.
        new_kernels=() if managed_by else tuple(new_kernels),
        texts=files.texts,
        documents=files.parsed,
        errors=tuple(files.errors),
        warnings=(*files.warnings(), *no_images, *(notice for menu in joined for notice in menu.warnings)),
        followups=tuple(followup for menu in joined for followup in menu.followups),
        managed_by=managed_by,
        owner=owner,
        grub_cfg=grub_cfg,
        snippet_reader=sources.snippet_reader,
    )
    _log(config)
    return config


def _log(config: BootConfig) -> None:
    for one in config.bootloaders:
        logger.info("found %s: %s", one.format, ", ".join(one.files))
    logger.info("found %d entries, %d sources of new kernels", len(config.entries), len(config.new_kernels))


def _only(path: str) -> Loader:
    """GRUB 2 with one menu, in any place."""
    form = grub2.FORMAT._replace(paths=(path,), choose=None)
    return Loader("grub2", (form,), grub_entries.menus)


@dataclass(slots=True)
class _FileReader:
    """Reads and parses files; collects what could not be read."""

    earlier: BootConfig | None
    texts: dict[str, str] = field(default_factory=dict)
    parsed: dict[tuple[str, str], Document] = field(default_factory=dict)
    documents: dict[str, list[Document]] = field(default_factory=dict)
    errors: list[GrubkdError] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    further: dict[str, list[str]] = field(default_factory=dict)

    def read(self, form: Format, tree: Tree) -> None:
        """Read every file of the format."""
        found = self.documents[form.name] = []
        files = list(dict.fromkeys((*form.find(tree), *self.further.pop(form.name, ()))))
        for file in files:
            try:
                text = from_bytes(tree.read(file))
                document = self._parsed(form, file, text)
            except GrubkdError as problem:
                self.errors.append(problem)
                self.failed.append((form.name, file))
            else:
                self.texts[file] = text
                self.parsed[form.name, file] = document
                found.append(document)
                for name, path in form.further(document, tree) if form.further else ():
                    target = files if name == form.name else self.further.setdefault(name, [])
                    target += [path] if path not in target else []

    def _parsed(self, form: Format, file: str, text: str) -> Document:
        if self.earlier and self.earlier.texts.get(file) == text and (form.name, file) in self.earlier.documents:
            return self.earlier.documents[form.name, file]
        return form.parse(file, text)

    def warnings(self) -> list[Notice]:
        return [notice for document in self.parsed.values() for notice in document.warnings]


def _snippet_reader(documents: Mapping[str, Sequence[Document]], tree: Tree) -> SnippetReader:
    """GRUB reads the snippets if its script calls blscfg or it is the only boot loader, zipl if it is configured.

    A loader.conf is read by systemd-boot only.
    """
    scripts = documents["grub2"]
    if any("blscfg" in script.settings for script in scripts):
        return SnippetReader.GRUB
    if documents["zipl"]:
        return SnippetReader.ZIPL
    alone = not scripts and not documents["loader-conf"] and bool(documents["bls"]) and bool(tree.list("/boot/grub2"))
    return SnippetReader.GRUB if alone else SnippetReader.SYSTEMD_BOOT


def _entries(menus: Sequence[LoaderMenu], tree: Tree) -> list[Entry]:
    deployments = owners.image_tool(tree) or ManagedBy.OSTREE
    items = [(menu, item) for menu in menus for item in menu.items]
    images = Images(tree)
    return [entry_of(item, menu, index, deployments, images) for index, (menu, item) in enumerate(items)]


def _new_kernels(
    menus: Sequence[LoaderMenu], entries: Sequence[Entry], files: _FileReader, tree: Tree
) -> list[NewKernelArgs]:
    found = [args for menu in menus for args in menu.new_kernels]
    if any(menu.format == "bls" for menu in menus) and not files.documents[shell_options.NAME]:
        snippets = [entry for entry in entries if entry.format == "bls" and not entry.managed_by]
        found += kernel_cmdline.missing_file(files.documents["kernel-cmdline"], snippets, tree)
    return found


def _bootloaders(loader: Loader, menus: Sequence[LoaderMenu], files: _FileReader) -> list[Bootloader]:
    """The boot loader with its files, those that could not be read too: by format, then in the order of the menu."""
    formats = [form.name for form in loader.formats]
    failed = [file for name, file in files.failed if name in formats]
    ranks = {file: formats.index(name) for name, file in (*files.parsed, *files.failed) if name in formats}
    found: dict[str, list[str]] = {loader.name: []} if failed else {}
    for menu in menus:
        found.setdefault(menu.format, []).extend(menu.files)
    return [
        Bootloader(name, tuple(sorted((*own, *failed), key=lambda file: ranks.get(file, len(formats)))))
        for name, own in found.items()
    ]
