"""How the scripts of GRUB 2, its environment blocks and the sources of grub-mkconfig make one menu."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.entry import is_xen
from grubkd.boot.loaders import grub2
from grubkd.boot.loaders.format import LoaderMenu, MenuItem, SnippetReader, setting, slots_of
from grubkd.boot.loaders.grub_device import OwnDevices
from grubkd.boot.loaders.grub_mkconfig import new_kernels
from grubkd.boot.loaders.grub_script import KERNEL_VARIABLES, VARIABLE
from grubkd.errors import Notice, Place
from grubkd.tree import osrelease

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grubkd.boot.document import Assignment, Document, Include, Level, Slot, Stanza
    from grubkd.boot.loaders.format import Sources
    from grubkd.tree.tree import Tree

# The directory on the ESP that a distribution's packages use, if it is not the ID of os-release.
_ESP_NAMES = {"rhel": "redhat", "ol": "redhat", "opensuse-leap": "opensuse", "opensuse-tumbleweed": "opensuse"}
# How deep scripts may load each other.
_DEPTH = 16


class _Placed(NamedTuple):
    """An entry of the joined menu, the script that has it, and whether it belongs to another system."""

    stanza: Stanza
    script: Document
    foreign: bool


class _Joined:
    """The entries of the scripts with those of the scripts that they load, in the order of the menu."""

    def __init__(self, scripts: Sequence[Document], tree: Tree) -> None:
        self.stanzas: list[_Placed] = []
        self.warnings: list[Notice] = []
        self._scripts, self._tree = {script.file: script for script in scripts}, tree
        self._own = OwnDevices(tree, (stanza for script in scripts for stanza in script.stanzas))
        loaded = {
            grub2.loaded_path(include.path, script.file, tree) for script in scripts for include in script.includes
        }
        first = grub2.find(tree)
        self._roots = [script for script in scripts if script.file in first or script.file not in loaded] or [*scripts]
        self._foreign: set[str] = set()
        seen: set[str] = set()
        for script in self._roots:
            seen.add(script.file)
            self.stanzas += self._read(script, (script.file,), _is_foreign(script.file, self._roots, tree), seen)

    def own(self) -> list[Document]:
        """The scripts that are not of another system."""
        return [each for each in self._scripts.values() if each.file not in self._foreign]

    def _read(self, script: Document, path: tuple[str, ...], foreign: bool, seen: set[str]) -> Iterator[_Placed]:
        self._foreign |= {script.file} if foreign else set()
        # The number of items that the loaded scripts have added to this script's menu so far.
        moved = 0
        for number in range(len(script.stanzas) + 1):
            for include in [each for each in script.includes if each.position == number]:
                inside = list(self._include(include, script, path, foreign, seen))
                levels = [each.stanza.nesting[0][0] for each in inside if each.stanza.nesting]
                before = script.stanzas[number - 1].nesting if number else ()
                at = moved + (before[0][0] + 1 if before else 0)
                for each in inside:
                    nesting = () if include.own_menu else _moved(each.stanza.nesting, 0 if include.submenus else at)
                    yield each._replace(stanza=_with(each.stanza, (*include.submenus, *nesting) if nesting else ()))
                moved += max(levels, default=-1) + 1 if not (include.own_menu or include.submenus) else 0
            sealed = script not in self._roots and not grub2.is_written(script.file)
            for stanza in script.stanzas[number : number + 1]:
                reason = f"is in {script.file}, which grubkd does not write" if sealed and stanza.images else ""
                other = foreign or self._is_other(stanza, script.file)
                found = stanza._replace(not_known=reason) if reason else stanza
                yield _Placed(_with(found, _moved(stanza.nesting, moved)), script, other)

    def _is_other(self, stanza: Stanza, file: str) -> bool:
        if stanza.generated or ("searched" not in stanza.keys and stanza.keys.get("device") != "loopback"):
            return False
        return bool(stanza.images) and self._own.is_foreign(stanza.keys["device"], stanza.images[0].path, file)

    def _include(
        self, include: Include, script: Document, path: tuple[str, ...], foreign: bool, seen: set[str]
    ) -> Iterator[_Placed]:
        """The entries of a script that another one loads; each script gives its entries once."""
        place = Place(script.file, include.line)
        file = grub2.loaded_path(include.path, script.file, self._tree)
        foreign = foreign or (include.own_menu and self._own.is_foreign(include.device, include.path, script.file))
        if file in path or len(path) > _DEPTH:
            message = f"includes {include.path} again, or more than {_DEPTH} levels deep: not followed"
            self.warnings.append(Notice("include-too-deep", message, "remove the statement", place))
        elif file is None and not (include.guarded or foreign or "$" in include.path):
            hint = "remove the statement, or mount the partition that has it"
            self.warnings.append(
                Notice("include-missing", f"includes {include.path}, which does not exist", hint, place)
            )
        elif file in self._scripts and file not in seen and self._scripts[file] not in self._roots:
            seen.add(file)
            yield from self._read(self._scripts[file], (*path, file), foreign, seen)


def _moved(nesting: tuple[Level, ...], by: int) -> tuple[Level, ...]:
    return ((nesting[0][0] + by, *nesting[0][1:]), *nesting[1:]) if nesting else ()


def _with(stanza: Stanza, nesting: tuple[Level, ...]) -> Stanza:
    return stanza if nesting == stanza.nesting else stanza._replace(nesting=nesting)


def references_of(scripts: Sequence[Document], environments: Sequence[Document]) -> Mapping[str, tuple[Slot, ...]]:
    """The slots of `$kernelopts` and `$tuned_params`: of grubenv, else the fallback that grub.cfg sets."""
    found = {name: slots_of(environments, name) or slots_of(scripts, name) for name in KERNEL_VARIABLES}
    return {name: slots for name, slots in found.items() if slots}


class _Variables:
    """The variables of the scripts: those with one value are slots; the values of others are doubtful."""

    def __init__(self, scripts: Sequence[Document], environments: Sequence[Document]) -> None:
        self.slots = dict(references_of(scripts, environments))
        self._doubtful: dict[str, list[Slot]] = {}
        found: dict[str, list[Assignment]] = {}
        for each in [each for document in (*scripts, *environments) for each in document.variables]:
            found.setdefault(each.variable, []).append(each)
        for name, values in found.items():
            if len(values) == 1 and values[0].always:
                self.slots[name] = (values[0].slot,)
            else:
                self._doubtful[name] = [each.slot for each in values]

    def doubtful(self, stanza: Stanza) -> tuple[tuple[str, str], ...]:
        """The variables in the arguments of a stanza whose values are not known, with each argument in these."""
        found: dict[tuple[str, str], None] = {}
        pending = [word for image in stanza.images for slot in image.slots for word in slot.words]
        seen: set[str] = set()
        for word in pending:
            names = (
                [word.reference] if word.reference else [each.strip("{}") for each in VARIABLE.split(word.text)[1::2]]
            )
            for name in set(names) - seen:
                seen.add(name)
                for slot in (*self._doubtful.get(name, ()), *self.slots.get(name, ())):
                    pending += slot.words
                found |= {(name, each.text): None for slot in self._doubtful.get(name, ()) for each in slot.words}
        return tuple(found)


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The entries of every grub.cfg and the arguments of new kernels; nothing if the tree has no GRUB 2.

    Where GRUB shows Boot Loader Specification snippets, the shell sources feed new kernels only, and the default entry
    is looked for among the snippets, which the menu shows before other entries.
    """
    scripts, shell_files, environments = (sources.documents[name] for name in ("grub2", "default-grub", "grubenv"))
    bls = sources.snippet_reader is SnippetReader.GRUB
    # Neither a drop-in of some package nor an environment block makes a boot loader.
    if not scripts and not any(source.assignments for source in shell_files):
        return []
    joined = _Joined(scripts, tree)
    own = joined.own()
    variables = _Variables(scripts, environments)
    files_of_own = {script.file for script in own}
    stanzas = [each.stanza for each in joined.stanzas if each.script.file in files_of_own]
    default = None if bls else default_of(stanzas, own, environments)
    items = tuple(
        MenuItem(
            each.stanza,
            each.script.file,
            default=each.stanza is default,
            foreign=each.foreign or (each.stanza.section or "").endswith("/30_os-prober"),
            doubtful=variables.doubtful(each.stanza),
        )
        for each in joined.stanzas
    )
    xen = any(stanza.images and is_xen(stanza.images[0].path) for stanza in stanzas)
    files = tuple(document.file for document in (*scripts, *shell_files, *environments))
    future = new_kernels(shell_files, tree, bls=bls, xen=xen)
    return [LoaderMenu("grub2", files, items, variables.slots, future, (*joined.warnings, *_dangling(tree)))]


def _dangling(tree: Tree) -> Iterator[Notice]:
    """A warning for each menu whose symbolic link leads to no file."""
    for path in grub2.FILES:
        directory, name = path.rsplit("/", 1)
        if name in tree.list(directory) and not tree.exists(path):
            yield Notice(
                "dangling-menu",
                f"{path} is a symbolic link to a file that is not there",
                hint="mount its file system, for instance the EFI system partition; then run grubkd again",
                place=Place(path),
            )


def default_of(
    stanzas: Sequence[Stanza], scripts: Sequence[Document], environments: Sequence[Document]
) -> Stanza | None:
    """The stanza that `set default=` names: an index, a title or an id, with `>` between menu levels.

    GRUB 2.06 boots the first item if nothing matches. None if the value depends on a variable that only GRUB
    knows at boot, or names a submenu.
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
    return next((stanza for stanza in level if len(stanza.nesting) == len(levels)), None)


def _names(level: Level, wanted: str) -> bool:
    position, title, identity = level
    return wanted in (str(position), title, identity)


def _is_foreign(file: str, scripts: Sequence[Document], tree: Tree) -> bool:
    """Whether the grub.cfg of an ESP belongs to another system.

    It is ours if the distribution's own link or the menu's usual path leads to it, if its directory has the
    distribution's name, or if there is no other.
    """
    if "/EFI/" not in file or len(scripts) == 1:
        return False
    if file in [tree.resolve(link) for link in (*grub2.LINKS, *grub2.FILES)]:
        return False
    identity = osrelease.read(tree).get("ID", "")
    directory = file.rpartition("/")[0].rpartition("/")[2]
    return directory.lower() != _ESP_NAMES.get(identity, identity)
