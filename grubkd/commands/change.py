"""What `set` and `unset` share: read, decide, edit, verify, commit.

Every step but the last is a pure function of what was read; the last writes all files or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.boot import inventory
from grubkd.boot.selector import select
from grubkd.change import changes, verify
from grubkd.change.lock import lock
from grubkd.commands.unfinished import interrupted
from grubkd.errors import Notice, Place
from grubkd.text import to_bytes
from grubkd.tree.tree import Overlay, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from grubkd.boot.model import BootConfig, LineKey
    from grubkd.boot.selector import Selection
    from grubkd.change.edit import FileChange
    from grubkd.tree.root import Root
    from grubkd.tree.tree import Tree


@dataclass(frozen=True, slots=True)
class Decision:
    """What is wanted of a configuration, as decided from it: the wishes, what history records, what to warn of.

    `admit(expected)` is shown what every line is to read like (key of the line -> arguments) before anything is
    written; it refuses by raising, and returns further warnings.
    """

    wishes_for: changes.ArgChangesFor
    wanted: dict[str, object]
    by: str
    architecture: str | None
    admit: Callable[[changes.ChangeSet], tuple[Notice, ...]]
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did, or would do. `files`: the changes in the order of writing; `transaction`: its id, if any.

    `config`, `expected`: what was read, and key of each of its lines -> the arguments it holds now, or would hold.
    """

    files: tuple[FileChange, ...]
    transaction: str | None
    followups: tuple[tuple[str, ...], ...]
    warnings: tuple[Notice, ...]
    config: BootConfig | None = None
    expected: Mapping[LineKey, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """How to carry a change out: the verb for history, whether to stop before the first write, what else to run."""

    command: str
    dry_run: bool = False
    run_followups: bool = False
    regenerate: bool = False


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A change that was verified in memory. `after`: the files that differ; `verified`: read with these files."""

    config: BootConfig
    planned: changes.ChangeSet
    decision: Decision
    after: Mapping[str, bytes | None]
    verified: BootConfig
    warnings: tuple[Notice, ...]


def run(
    root: Root,
    selectors: Sequence[str],
    decide: Callable[[BootConfig, Selection], Decision],
    manner: Manner,
) -> Outcome:
    """Change the configuration as decided, as one transaction.

    Raises NotUnderstood where a file of the configuration could not be read, Refused and its kin where the change
    must not be made, Failed where it could not be.
    """
    if manner.dry_run:
        # A dry run over an interrupted one starts from files half old, half new, which it must say.
        return _carry_out(root, selectors, decide, manner, interrupted(root))
    with lock(root):
        return _carry_out(root, selectors, decide, manner, _recovered(root, manner.run_followups))


def _carry_out(
    root: Root,
    selectors: Sequence[str],
    decide: Callable[[BootConfig, Selection], Decision],
    manner: Manner,
    found: tuple[Notice, ...],
) -> Outcome:
    """As run, under the lock where there is something to write; `found` is told beside what is found here."""
    with root.near() as near:
        prepared = _prepare(near, selectors, decide)
    read, after = prepared.config.texts, prepared.after
    if manner.regenerate:
        made = _regenerated(root, prepared)
        # Entries that are made from no source (those of 40_custom, say) are edited in what the generator printed.
        prepared = _prepare(Overlay(root, made), selectors, decide)
        after = {**made, **prepared.after}
    files = _ordered(root, read, after)
    warnings = found + prepared.warnings + tuple(_created(each) for each in files if each.before is None)
    done = None
    if files and not manner.dry_run:
        from grubkd.change import transaction

        done = transaction.commit(
            root,
            files,
            command=manner.command,
            wanted=prepared.decision.wanted,
            by=prepared.decision.by,
            followups=_followups(prepared.config, files),
            recheck=lambda tree: _verify_written(tree, prepared),
            run_followups=manner.run_followups,
        )
    return Outcome(
        tuple(files),
        done.id if done else None,
        done.followups if done else (),
        warnings,
        prepared.config,
        prepared.planned.expected,
    )


def _recovered(root: Root, run_followups: bool) -> tuple[Notice, ...]:
    """Undo what an interrupted run left; returns what to tell about it."""
    from grubkd.change import transaction

    return transaction.recover(root, run_followups=run_followups)


def _prepare(tree: Tree, selectors: Sequence[str], decide: Callable[[BootConfig, Selection], Decision]) -> _Prepared:
    """Read the tree, work the change out, and read the tree as it would be. Raises as run does."""
    tree = Snapshot(tree)
    config = inventory.read(tree)
    _check_understood(config)
    selection = select(config, selectors)
    decision = decide(config, selection)
    editable, told = _editable(config, selection, decision)
    if editable is not selection:
        selection, decision = editable, decide(config, editable)
    planned = changes.make(config, selection, decision.wishes_for)
    verify.fits(config, planned, decision.architecture)
    warnings = told + planned.warnings + decision.warnings + decision.admit(planned)
    after = _edited(config, planned)
    verified = inventory.read(Overlay(tree, after), config) if after else config
    verify.check(config, verified, planned.expected)
    return _Prepared(config, planned, decision, after, verified, warnings)


def _editable(config: BootConfig, selection: Selection, decision: Decision) -> tuple[Selection, tuple[Notice, ...]]:
    """As sealed.editable; the selection itself where nothing is sealed, which is so on most machines."""
    if not config.managed_by and not any(entry.managed_by for entry in selection.entries):
        return selection, ()
    from grubkd.change import managed

    return managed.editable(config, selection, decision.wishes_for, decision.architecture)


def _edited(config: BootConfig, planned: changes.ChangeSet) -> dict[str, bytes | None]:
    """The new bytes of the files that differ. Raises as edit.apply does."""
    if not planned.edits:
        return {}
    from grubkd.change import edit

    texts = edit.apply(config.texts, planned.edits)
    return {path: to_bytes(text) for path, text in texts.items() if text != config.texts.get(path)}


def _ordered(tree: Tree, read: Mapping[str, str], after: Mapping[str, bytes | None]) -> list[FileChange]:
    """The changes in the order of writing."""
    if not after:
        return []
    from grubkd.change import edit

    return edit.file_changes(tree, read, after)


def _verify_written(tree: Tree, prepared: _Prepared) -> None:
    """Check that the written tree reads as planned. Raises VerificationFailed."""
    verify.check(prepared.config, inventory.read(tree, prepared.verified), prepared.planned.expected)


def _regenerated(root: Root, prepared: _Prepared) -> dict[str, bytes | None]:
    """The changed sources, and what the tree's own generator makes of them instead of our edit of grub.cfg."""
    scripts = {entry.source.file for entry in prepared.config.entries if entry.format == "grub2"}
    sources = {path: data for path, data in prepared.after.items() if path not in scripts and data is not None}
    from grubkd.change import regenerate

    made = {**sources, **regenerate.regenerate(root, prepared.config, sources)}
    tree = Overlay(root, made)
    config = inventory.read(tree)
    _check_understood(config)
    regenerate.check_menu(root, prepared.config, tree, config)
    return made


def _followups(config: BootConfig, files: Sequence[FileChange]) -> list[tuple[str, ...]]:
    """The commands that make these changes take effect, each once."""
    changed = {each.path for each in files}
    return list(dict.fromkeys(each.command for each in config.followups if changed & each.files))


def _check_understood(config: BootConfig) -> None:
    """Refuse to edit where any file of a bootloader is not understood; the first such file is named."""
    if config.errors:
        raise config.errors[0]


def _created(file: FileChange) -> Notice:
    return Notice(
        "created-cmdline",
        f"{file.path} did not exist: created, so that kernels installed later get the arguments",
        hint="see that it holds what they need to boot, such as root=",
        place=Place(file.path),
    )
