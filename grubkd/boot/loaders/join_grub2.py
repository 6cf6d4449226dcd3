"""GRUB 2: grub.cfg, its sources in /etc/default/grub, its environment block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.kernelpath import is_xen
from grubkd.boot.loaders import join_shellvariables as shellvariables
from grubkd.boot.loaders import shellslot
from grubkd.boot.loaders.format import LoaderMenu, MenuItem, SnippetReader, holds_value, setting, slots_of
from grubkd.boot.model import Feeds, Line, NewKernelArgs
from grubkd.text import from_bytes
from grubkd.tree import osrelease

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grubkd.boot.loaders.format import Sources
    from grubkd.boot.model import Document, Slot, Stanza
    from grubkd.tree.tree import Tree

# The directory of the ESP that a distribution's own packages use, where it is not its os-release ID.
_ESP_NAMES = {"rhel": "redhat", "ol": "redhat", "opensuse-leap": "opensuse", "opensuse-tumbleweed": "opensuse"}


def references_of(scripts: Sequence[Document], environments: Sequence[Document]) -> Mapping[str, tuple[Slot, ...]]:
    """What `$kernelopts` and `$tuned_params` stand for: grubenv, loaded first, else the fallback that grub.cfg sets."""
    return {
        name: slots_of(environments, name) or slots_of(scripts, name)
        for name in ("kernelopts", "tuned_params")
        if slots_of(environments, name) or slots_of(scripts, name)
    }


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The menu of GRUB 2; empty where it left no file."""
    documents = sources.documents
    found = join(
        documents["grub2"],
        documents["default-grub"],
        documents["grubenv"],
        tree,
        bls=sources.snippet_reader is SnippetReader.GRUB,
    )
    return [found] if found else []


def join(
    scripts: Sequence[Document],
    sources: Sequence[Document],
    environments: Sequence[Document],
    tree: Tree,
    *,
    bls: bool,
) -> LoaderMenu | None:
    """The entries of every grub.cfg, and the lines its generator works from; None where GRUB 2 left no file.

    `bls`: GRUB shows Boot Loader Specification snippets, so the sources feed new kernels only, and the default is
    looked for among the snippets first, which stand before the other entries of the menu.
    """
    documents = [*scripts, *sources, *environments]
    # A drop-in that some package left is no bootloader yet, nor is an environment block.
    if not scripts and not any(source.assignments for source in sources):
        return None
    own = [script for script in scripts if not _is_foreign(script.file, scripts, tree)]
    stanzas = [stanza for script in own for stanza in script.stanzas]
    default = None if bls else default_of(stanzas, own, environments)
    candidates = tuple(
        MenuItem(
            stanza,
            script.file,
            default=stanza is default,
            foreign=script not in own or (stanza.section or "").endswith("/30_os-prober"),
        )
        for script in scripts
        for stanza in script.stanzas
    )
    xen = any(stanza.images and is_xen(stanza.images[0].path) for stanza in stanzas)
    return LoaderMenu(
        "grub2",
        tuple(document.file for document in documents),
        candidates,
        references_of(scripts, environments),
        _futures(sources, tree, bls=bls, xen=xen),
    )


def default_of(
    stanzas: Sequence[Stanza], scripts: Sequence[Document], environments: Sequence[Document]
) -> Stanza | None:
    """The stanza that `set default=` names: an index, a title or an id, with `>` between menu levels.

    GRUB 2.06 takes the first item where nothing matches. None where the value depends on what only GRUB knows at
    boot, or where it stops at a submenu.
    """
    value = setting(scripts, "default")
    if value is None or value in ("${saved_entry}", "$saved_entry"):
        value = setting(environments, "saved_entry") or "0"
    elif "$" in value:
        return None
    levels = value.split(">")
    level = [stanza for stanza in stanzas if stanza.nesting]
    for depth, wanted in enumerate(levels):
        matching = [each for each in level if depth < len(each.nesting) and _names(each.nesting[depth], wanted)]
        if not matching and depth == 0:
            matching = [each for each in level if each.nesting[0][0] == 0]
        level = matching
    found = [stanza for stanza in level if len(stanza.nesting) == len(levels)]
    return found[0] if found else None


def _names(level: tuple[int, str, str | None], wanted: str) -> bool:
    position, title, identity = level
    return wanted in (str(position), title, identity)


def _is_foreign(file: str, scripts: Sequence[Document], tree: Tree) -> bool:
    """Whether an ESP's grub.cfg is another system's.

    It is ours where the distribution's own link leads to it, where its directory bears the distribution's name, or
    where it is the only one there is.
    """
    if "/EFI/" not in file or len(scripts) == 1:
        return False
    if file in (tree.resolve("/etc/grub2-efi.cfg"), tree.resolve("/etc/grub2.cfg")):
        return False
    identity = osrelease.read(tree).get("ID", "")
    directory = file.rpartition("/")[0].rpartition("/")[2]
    return directory.lower() != _ESP_NAMES.get(identity, identity)


def _futures(sources: Sequence[Document], tree: Tree, *, bls: bool, xen: bool) -> tuple[NewKernelArgs, ...]:
    """The lines of grub-mkconfig: ordinary entries get the first variable and _DEFAULT, recovery ones _RECOVERY.

    Where snippets make the menu there are no recovery entries, and no present entry comes from these lines.
    """
    found = []
    for variable, others, feeds in (
        ("GRUB_CMDLINE_LINUX", ["GRUB_CMDLINE_LINUX_DEFAULT"], Feeds.NORMAL),
        ("GRUB_CMDLINE_LINUX", ["GRUB_CMDLINE_LINUX_RECOVERY"], Feeds.RECOVERY),
        ("GRUB_CMDLINE_XEN", ["GRUB_CMDLINE_XEN_DEFAULT"], Feeds.XEN),
    ):
        if bls and feeds is Feeds.RECOVERY:
            continue
        line = shellvariables.line_of(sources, [variable, *others])
        if feeds is Feeds.XEN:
            if line is None and xen:
                line = _absent_xen(sources, tree)
            if line is not None and not xen and not holds_value(line.every_slot()):
                line = None
        if line is not None:
            found.append(NewKernelArgs(variable, line, Feeds.NONE if bls else feeds, "grub2"))
    return tuple(found)


def _absent_xen(sources: Sequence[Document], tree: Tree) -> Line | None:
    """A place for GRUB_CMDLINE_XEN where no file has one: at the end of the first source, /etc/default/grub."""
    if not sources:
        return None
    file = sources[0].file
    text = from_bytes(tree.read(file))
    slot = shellslot.absent(file, text, "GRUB_CMDLINE_XEN", len(text))
    return Line((slot,), slot)
