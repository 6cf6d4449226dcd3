"""A change of the configuration: read, decide, edit, verify, commit; and how `set`, `unset` and `keep` answer.

Every step but the last is a pure function of what was read. The last writes all files or none.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import cmdline, inventory
from grubkd.boot.loaders.kernel_cmdline import FILE as KERNEL_CMDLINE
from grubkd.boot.selector import select
from grubkd.change import changes, edit, journal, managed, recovery, revert, transaction, verify
from grubkd.change.lock import lock
from grubkd.change.request import check_editable, check_needed
from grubkd.commands.warnings import interrupted
from grubkd.errors import NoBootloader, Notice, Place, carrying
from grubkd.render import change, output
from grubkd.text import to_line
from grubkd.tree.tree import Overlay, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from grubkd.boot.model import BootConfig
    from grubkd.boot.selector import Selection
    from grubkd.change.edit import FileChange
    from grubkd.change.request import ArgChange
    from grubkd.change.rollback import RolledBack
    from grubkd.memory.architecture import Architecture
    from grubkd.tree.root import Root
    from grubkd.tree.tree import Tree

    Decide = Callable[[BootConfig, Selection], "Decision"]


class Request(NamedTuple):
    """What the command line asks for.

    command: the verb that history records. selectors: the entries, () for all. values: the crashkernel values; None
    leaves them as they are, () removes them, and with `auto` grubkd chooses them. arguments: changes of other
    arguments. grub_cfg: the one menu to change. running: the release of the running kernel, for RUNNING.
    """

    command: str
    selectors: tuple[str, ...] = ()
    values: tuple[str, ...] | None = None
    auto: bool = False
    arguments: tuple[ArgChange, ...] = ()
    dry_run: bool = False
    force: bool = False
    run_followups: bool = False
    regenerate: bool = False
    grub_cfg: str | None = None
    running: str | None = None


class Decision(NamedTuple):
    """What a request means for a configuration.

    changes_for: the argument changes of an entry, or (None) of new kernels. wanted, by: what history records.
    architecture: the machine's. admit: takes the planned edits before anything is written; it refuses them by
    raising, and returns further warnings.
    """

    changes_for: changes.ArgChangesFor
    wanted: dict[str, object]
    by: str
    architecture: Architecture | None
    admit: Callable[[changes.ChangeSet], tuple[Notice, ...]]
    warnings: tuple[Notice, ...] = ()


class Outcome(NamedTuple):
    """What a run did, or would do. `files`: the changes in the order of writing; `transaction`: its id, if any.

    `ran`: the commands of tools that own entries.
    """

    files: tuple[FileChange, ...]
    transaction: str | None
    followups: tuple[tuple[str, ...], ...]
    warnings: tuple[Notice, ...]
    held: change.Held | None = None
    ran: tuple[tuple[str, ...], ...] = ()


class _Prepared(NamedTuple):
    """A change that was verified in memory. `after`: the files that differ; `verified`: read with these files.

    `tools`: the commands of tools that own entries, which are run with the change.
    """

    config: BootConfig
    planned: changes.ChangeSet
    decision: Decision
    after: Mapping[str, bytes | None]
    verified: BootConfig
    held: change.Held
    warnings: tuple[Notice, ...]
    tools: tuple[tuple[str, ...], ...]

    def finish(self, root: Root, written: Tree) -> None:
        """Check that the written tree reads as planned, and run the tools. Raises VerificationFailed, CommandFailed."""
        verify.check(self.config, inventory.read(written, self.verified), self.planned.expected)
        self.run_tools(root)

    def run_tools(self, root: Root) -> None:
        """Run the commands of other tools. Raises CommandFailed for the first that fails."""
        for command in self.tools:
            recovery.run_followup(command, root, None)


@contextmanager
def begun(root: Root, *, dry_run: bool, run_followups: bool) -> Iterator[tuple[Notice, ...]]:
    """The context of a change: the lock is held, and what an interrupted run left is undone. Yields its warnings.

    An error inside carries them. A dry run takes no lock and undoes nothing: its diff is of the files as the
    interrupted run left them.
    """
    with nullcontext() if dry_run else lock(root):
        earlier = interrupted(root) if dry_run else transaction.recover(root, run_followups=run_followups)
        with carrying(earlier):
            yield earlier


def run(root: Root, request: Request, decide: Decide) -> Outcome:
    """Change the configuration as decided, as one transaction.

    Raises NotUnderstood if a file of the configuration cannot be read, Refused if the change must not be made, Failed
    if it could not be made.
    """
    with begun(root, dry_run=request.dry_run, run_followups=request.run_followups) as earlier:
        return _carry_out(root, request, decide, earlier)


def _carry_out(root: Root, request: Request, decide: Decide, earlier: tuple[Notice, ...]) -> Outcome:
    """As run, inside begun; `earlier`: its warnings."""
    prepared = _prepare(root, request, decide)
    before, after = prepared.config, prepared.after
    if request.regenerate:
        made = _regenerated(root, prepared)
        # Entries that have no source (those of 40_custom, say) are edited in the output of the generator.
        prepared = _prepare(Overlay(root, made), request, decide)
        after = {**made, **prepared.after}
    files = edit.file_changes(root, before.texts, after)
    warnings = (*earlier, *prepared.warnings, *_created(files))
    done = None
    if request.dry_run:
        journal.check_files(transaction.step(root, each).record() for each in files)
    elif files:
        done = _commit(root, request, files, before, prepared)
    else:
        prepared.run_tools(root)
    held = prepared.held
    if prepared.tools and not request.dry_run:
        # The tools have changed more than was planned here.
        held = held._replace(config=inventory.read(root, grub_cfg=request.grub_cfg))
    id, followups, later = (done.id, done.followups, done.warnings) if done else (None, (), ())
    return Outcome(tuple(files), id, followups, warnings + later, held, prepared.tools)


def _commit(
    root: Root, request: Request, files: Sequence[FileChange], before: BootConfig, prepared: _Prepared
) -> transaction.Transaction:
    return transaction.commit(
        root,
        files,
        command=request.command,
        wanted=prepared.decision.wanted,
        by=prepared.decision.by,
        followups=_followups(prepared.config, files),
        recheck=partial(prepared.finish, root),
        slots=revert.changed_slots(before, prepared.verified),
        kernels=revert.kernels_of(before),
        run_followups=request.run_followups,
    )


def _prepare(tree: Tree, request: Request, decide: Decide) -> _Prepared:
    """Read the tree, work the change out, and read the tree as it would be. Raises as run does."""
    tree = Snapshot(tree)
    config = understood(tree, request.grub_cfg)
    selection = select(config, request.selectors, running=request.running)
    check_exists(config)
    check_editable(config, selection)
    decision = decide(config, selection)
    if not request.force:
        check_needed(selection, decision.changes_for)
    editable, notices = managed.editable(
        config,
        selection,
        decision.changes_for,
        decision.architecture,
        force=request.force,
        run=request.run_followups,
    )
    tools: tuple[tuple[str, ...], ...] = ()
    if request.run_followups:
        tools = tuple(dict.fromkeys(command for each in notices for command in each.commands))
        notices = tuple(each for each in notices if not each.commands)
    if editable is not selection:
        decision = decide(config, editable)
    planned = changes.make(config, editable, decision.changes_for)
    verify.fits(config, planned, decision.architecture)
    warnings = notices + planned.warnings + decision.warnings + decision.admit(planned)
    after, verified = verify.edited(tree, config, planned)
    indexes = tuple(entry.index for entry in selection.entries)
    held = change.Held(_values(request, decision, editable), verified, indexes, selection.everything)
    return _Prepared(config, planned, decision, after, verified, held, warnings, tools)


def _values(request: Request, decision: Decision, selection: Selection) -> tuple[str, ...] | None:
    """The values for new kernels, or for the first entry if only some are selected; None: they stay as they are."""
    if not selection.everything and not selection.entries:
        return request.values
    asked = decision.changes_for(None if selection.everything else selection.entries[0])
    return next((cmdline.crashkernel_values(each.tokens) for each in asked if each.gives_values), None)


def _regenerated(root: Root, prepared: _Prepared) -> dict[str, bytes | None]:
    """The changed sources, and the grub.cfg that the tree's own generator makes from them."""
    from grubkd.change import regenerate

    scripts = {entry.source.file for entry in prepared.config.entries if entry.format == "grub2"}
    sources = {path: data for path, data in prepared.after.items() if path not in scripts and data is not None}
    made = {**sources, **regenerate.regenerate(root, prepared.config, sources)}
    tree = Overlay(root, made)
    config = understood(tree)
    regenerate.check_menu(root, prepared.config, tree, config)
    return made


def _followups(config: BootConfig, files: Sequence[FileChange]) -> list[tuple[str, ...]]:
    """The commands that make these changes take effect, each once."""
    changed = {each.path for each in files}
    return list(dict.fromkeys(each.command for each in config.followups if changed & each.files))


def understood(tree: Tree, grub_cfg: str | None = None) -> BootConfig:
    """The configuration of the tree. Raises NotUnderstood for the first file that cannot be read."""
    config = inventory.read(tree, grub_cfg=grub_cfg)
    if config.errors:
        raise config.errors[0]
    return config


def check_exists(config: BootConfig, *, otherwise: str = "") -> None:
    """Refuse a tree without boot configuration before anything else is asked. Raises NoBootloader."""
    if not (config.entries or config.new_kernels or config.managed_by or config.errors):
        hint = "--root must name the root of an installed system, with its /boot mounted; "
        hint += f"a menu in another place is named by --grub-cfg PATH{otherwise}"
        raise NoBootloader("no boot configuration found", hint=hint)


def _created(files: Sequence[FileChange]) -> Iterator[Notice]:
    if any(each.path == KERNEL_CMDLINE and each.before is None for each in files):
        said = f"{KERNEL_CMDLINE} did not exist: it was created so that new kernels get the arguments"
        hint = "check that it holds what they need to boot, such as root="
        yield Notice("created-cmdline", said, hint, Place(KERNEL_CMDLINE))


def outcome_answer(done: Outcome | RolledBack, **others: Any) -> dict[str, Any]:
    """The JSON object of a change; `others`: dry_run, reboot_required, and what set and unset add."""
    return change.answer(done.files, **others, **output.members(done, "transaction", "followups", "warnings"))


def print_outcome(  # noqa: PLR0913 - an outcome, and how to show it
    done: Outcome | RolledBack,
    *,
    json: bool,
    dry_run: bool,
    reboot_required: bool,
    result: change.Result | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Print what a change did: a success, even if the answer is lost. `facts`: more members of the JSON object."""
    answer = None
    if json:
        facts = facts or (change.result_answer(result) if result else {})
        answer = outcome_answer(done, dry_run=dry_run, reboot_required=reboot_required, **facts)
    with nullcontext() if dry_run else output.optional():
        if answer is None:
            output.complain_of(done.warnings, "warning")
        output.report(answer, change.lines(done.files, dry_run=dry_run, transaction=done.transaction, result=result))
        if answer is None:
            output.report(None, (f"now run, in that system: {to_line(' '.join(each))}" for each in done.followups))
