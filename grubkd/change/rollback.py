"""Rollback: undo a transaction, byte for byte where its files are as it left them, else by argument.

A rollback is a transaction of its own, and can be undone in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import inventory
from grubkd.boot.loaders.kernel_cmdline import FILE as KERNEL_CMDLINE
from grubkd.change import (
    TRANSACTIONS,
    default_entry,
    disk,
    edit,
    history,
    journal,
    regenerate,
    revert,
    transaction,
    verify,
)
from grubkd.change.edit import FileChange
from grubkd.change.lock import lock
from grubkd.change.record import ID
from grubkd.change.transaction import Step
from grubkd.errors import NothingToRollBack, Notice, Place, Refused, carrying
from grubkd.tree.tree import Overlay, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grubkd.change.disk import FileImage
    from grubkd.change.history import History, Past
    from grubkd.change.record import FileRecord
    from grubkd.change.revert import SlotRecord
    from grubkd.change.transaction import Recheck, Transaction
    from grubkd.tree.root import Root


class RolledBack(NamedTuple):
    """What a rollback did, or would do.

    `undoes`: the transaction that was undone. `files`: the changes. `transaction`: the id of the rollback, which can be
    undone in turn; None for a dry run. `followups`: the commands that are left to run by hand.
    """

    undoes: str
    files: tuple[FileChange, ...]
    transaction: str | None
    followups: tuple[tuple[str, ...], ...]
    warnings: tuple[Notice, ...]


class _Plan(NamedTuple):
    """The steps that undo a transaction, and what the journal records of them. `recheck` as in commit."""

    past: Past
    steps: list[Step]
    slots: tuple[SlotRecord, ...]
    kernels: tuple[str, ...]
    warnings: tuple[Notice, ...] = ()
    recheck: Recheck | None = None

    def outcome(self, earlier: tuple[Notice, ...] = ()) -> RolledBack:
        """What it will do; `earlier`: the warnings so far."""
        changes = tuple(FileChange(each.path, _data(each.before), _data(each.after)) for each in self.steps)
        followups = self.past.record.followups
        return RolledBack(self.past.id, changes, None, followups, earlier + self.warnings)


def rollback(  # noqa: PLR0913 - as the command's options
    root: Root,
    id: str | None = None,
    force: bool = False,
    *,
    exact: bool = False,
    dry_run: bool = False,
    run_followups: bool = False,
) -> RolledBack:
    """Undo a transaction: the named one, or the latest that is no rollback and is not yet undone.

    Files that are as the transaction left them get their old bytes and metadata back. If any of its files was changed
    since, the slots in it get their old arguments back instead. `exact`: bytes only; with `force` also where that loses
    a later change. An interrupted transaction is undone first; if it is the named one, nothing else happens, and
    `force` restores files that somebody changed meanwhile. Raises NothingToRollBack, Refused, NotUnderstood for a
    present file that cannot be read, and as commit does.
    """
    if dry_run or not root.exists(TRANSACTIONS):  # without history it fails, also on a read-only file system
        plan = _plan(root, id, exact, force)
        journal.check_files(each.record() for each in plan.steps)
        return plan.outcome()
    with lock(root):
        interrupted = journal.ids(root, "pending")
        warnings = transaction.recover(root, force=force, run_followups=run_followups)
        if id is not None and id in interrupted:
            return RolledBack(id, (), None, (), warnings)
        with carrying(warnings):
            plan = _plan(root, id, exact, force)
            done = _carry_out(root, plan, run_followups)
    return plan.outcome(warnings + done.warnings)._replace(transaction=done.id, followups=done.followups)


def _carry_out(root: Root, plan: _Plan, run_followups: bool) -> Transaction:
    past = plan.past
    record = transaction.new_record(
        root,
        plan.steps,
        command="rollback",
        wanted={"undo": past.id},
        by="given",
        followups=past.record.followups,
        undoes=past.id,
    )
    record = record._replace(slots=plan.slots, kernels=plan.kernels)
    empty = past.record.directories
    return transaction.carry_out(
        root, record, plan.steps, recheck=plan.recheck, empty=empty, run_followups=run_followups
    )


def _plan(root: Root, id: str | None, exact: bool, force: bool) -> _Plan:
    """The transaction to undo, and the steps for it."""
    past = history.read(root)
    chosen = history.whole(root, _chosen(past, id))
    present = {file.path: transaction.read(root, file.path) for file in chosen.record.files}
    changed = [file.path for file in chosen.record.files if not file.is_old_or_new(present[file.path])]
    if chosen.record.slots and not exact and (plan := _by_argument(root, chosen, present, changed)):
        return plan
    if changed and not exact and (plan := _default_entry(root, chosen, present)):
        return plan
    if not (exact and force):
        _check_unchanged(past.transactions, chosen, changed)
    elif changed:
        _check_kernels(root, chosen)
    steps = [step for file in chosen.record.files if (step := _exact(file, present[file.path]))]
    return _Plan(chosen, steps, revert.reverted(chosen.record.slots), chosen.record.kernels)


def _exact(file: FileRecord, present: FileImage | None) -> Step | None:
    """The step that restores a file as it was; None where it is as it was."""
    before = file.before.executable_as(present) if file.before else None
    return None if disk.same(present, before) else Step(file.path, present, before, file.link)


def _by_argument(
    root: Root, chosen: Past, present: Mapping[str, FileImage | None], changed: Sequence[str]
) -> _Plan | None:
    """The steps that restore the files that nobody changed since, and edit the slots in the other ones.

    None where no file was changed since, and no kernel was installed since that got its arguments.
    """
    tree = Snapshot(root)
    now = inventory.read(tree)
    exact = [_exact(file, present[file.path]) for file in chosen.record.files if file.path not in changed]
    restored = {step.path: step for step in exact if step}
    texts = {path: _data(step.after) for path, step in restored.items()}
    base = Overlay(tree, texts)
    config = inventory.read(base, now)
    if config.errors:
        if not changed:
            return None
        raise config.errors[0]
    planned, notices = revert.plan(config, chosen.record, frozenset(restored))
    if not changed and not planned.edits:
        return None
    verify.fits(config, planned, None)
    after, verified = verify.edited(base, config, planned)
    steps = {path: _now(step) for path, step in restored.items() if path not in after}
    for each in edit.file_changes(root, now.texts, after):
        if each.path not in steps:
            steps[each.path] = transaction.step(root, each)
    ordered = sorted(steps.values(), key=lambda step: (step.path == KERNEL_CMDLINE, step.path))
    return _Plan(
        chosen,
        ordered,
        revert.changed_slots(now, verified),
        revert.kernels_of(now),
        (*_why(chosen, changed), *notices),
        lambda written: verify.check(config, inventory.read(written, verified), planned.expected),
    )


def _default_entry(root: Root, chosen: Past, present: Mapping[str, FileImage | None]) -> _Plan | None:
    """The step that restores the default entry in a file that was changed since; None for any other transaction."""
    (file, *others) = chosen.record.files
    if "default" not in chosen.record.wanted or others or not file.before or not present[file.path]:
        return None
    config = inventory.read(root)
    if config.errors:
        raise config.errors[0]
    found = default_entry.taken_back(config, file.path, file.before.data, chosen.record.wanted["default"])
    if found is None:
        return None
    data, notices = found
    step = transaction.step(root, FileChange(file.path, _data(present[file.path]), data))
    return _Plan(chosen, [step], (), (), notices)


def _why(chosen: Past, changed: Sequence[str]) -> tuple[Notice, ...]:
    """A notice that names the files that were changed since, if any."""
    if not changed:
        return ()
    message = f"{', '.join(changed)} changed since transaction {chosen.id}: only the arguments get their old values"
    hint = f"to restore the old files and lose those changes: grubkd rollback {chosen.id} --exact --force"
    return (Notice("by-argument", message, hint=hint),)


def _now(step: Step) -> Step:
    """The step, but /etc/kernel/cmdline gets a new time: it must not be older than the edited /etc/default/grub."""
    if step.path == KERNEL_CMDLINE and step.after:
        return step._replace(after=step.after.with_data(step.after.data))
    return step


def _data(image: FileImage | None) -> bytes | None:
    return image.data if image else None


def _check_kernels(root: Root, chosen: Past) -> None:
    """Raise Refused where the old files name a kernel that is not there, and the present ones do not name it."""
    old = Overlay(root, {file.path: _data(file.before) for file in chosen.record.files})
    missing = regenerate.missing_kernels(old, inventory.read(old))
    missing -= regenerate.missing_kernels(root, inventory.read(root))
    if missing:
        raise Refused(
            f"the old files name a kernel that is not there any more: {', '.join(sorted(missing))}",
            hint=f"undo the arguments only: grubkd rollback {chosen.id}",
            place=Place(chosen.record.files[0].path),
        )


def _chosen(past: History, id: str | None) -> Past:
    """The transaction to undo. Raises NothingToRollBack, and for a damaged journal its error."""
    if id is not None and not ID.fullmatch(id):
        raise NothingToRollBack("this is not the id of a transaction", hint="see: grubkd history")
    if id is None:
        for each in reversed(past.transactions):
            _check_readable(past, after=each.id)
            if each.record.undoes is None and each.undone_by is None:
                return each
        _check_readable(past)
        raise NothingToRollBack("no transaction is left to undo", hint="see: grubkd history")
    for each in past.transactions:
        if each.id == id:
            _check_readable(past, after=id)
            if each.undone_by is not None:
                raise NothingToRollBack(
                    f"transaction {id} was undone already, by {each.undone_by}",
                    hint=f"to apply it again: grubkd rollback {each.undone_by}",
                )
            return each
    _check_readable(past)
    raise NothingToRollBack(f"there is no transaction {id}", hint="see: grubkd history")


def _check_readable(past: History, after: str = "") -> None:
    """Raise the error of a damaged journal later than a transaction: what it did is not known."""
    for problem in past.errors:
        if problem.place and problem.place.file > journal.path_of(after, "done"):
            raise problem


def _check_unchanged(transactions: Sequence[Past], chosen: Past, changed: Sequence[str]) -> None:
    """Raise Refused where a later transaction, itself not undone, or somebody else changed one of the files."""
    _check_not_overtaken(transactions, chosen)
    if changed:
        raise Refused(
            f"the file was changed since transaction {chosen.id}",
            hint="look at it; to restore the old one all the same: --exact --force",
            place=Place(changed[0]),
        )


def _check_not_overtaken(transactions: Sequence[Past], chosen: Past) -> None:
    """Raise Refused where a later transaction, itself not undone, changed one of the files."""
    paths = {each.path for each in chosen.record.files}
    for later in reversed(transactions):
        if later.id <= chosen.id:
            return
        # A rollback of a later transaction only brought back what the chosen one left.
        cancels = later.record.undoes is not None and later.record.undoes > chosen.id
        shared = paths & {each.path for each in later.record.files}
        if later.undone_by is None and not cancels and shared:
            raise Refused(
                f"transaction {later.id} ({later.record.command}) changed the same file later",
                hint=f"undo that one first: grubkd rollback {later.id}; or restore the old files: --exact --force",
                place=Place(min(shared)),
            )
