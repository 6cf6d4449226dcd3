"""What `set` and `unset` share: read, decide, edit, verify, commit.

Every step but the last is a pure function of what was read; the last writes all files or none.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from grubkd.boot import inventory
from grubkd.boot.model import BootConfig
from grubkd.boot.selector import Selection, select
from grubkd.errors import Notice, Place
from grubkd.root import Overlay, Root
from grubkd.write import changes, edit, order, transaction, verify
from grubkd.write.filechange import FileChange


@dataclass(frozen=True, slots=True)
class Decision:
    """What is wanted of a configuration, as decided from it: the wishes, what history records, what to warn of.

    `admit(expected)` is shown what every line is to read like (id() of the line -> arguments) before anything is
    written; it refuses by raising, and returns further warnings.
    """

    wishes_for: changes.WishesFor
    wanted: dict[str, object]
    by: str
    architecture: str | None
    admit: Callable[[changes.ChangeSet], tuple[Notice, ...]]
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did, or would do. `files`: the changes in the order of writing; `transaction`: its id, if any."""

    files: tuple[FileChange, ...]
    transaction: str | None
    followups: tuple[tuple[str, ...], ...]
    warnings: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Manner:
    """How to carry a change out: the verb for history, whether to stop before the first write."""

    command: str
    dry_run: bool
    run_followups: bool


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
    with nullcontext() if manner.dry_run else transaction.lock(root):
        recovered = () if manner.dry_run else transaction.recover(root, run_followups=manner.run_followups)
        config = inventory.read(root)
        _check_understood(config)
        selection = select(config, selectors)
        decision = decide(config, selection)
        planned = changes.make(config, selection, decision.wishes_for)
        verify.fits(config, planned, decision.architecture)
        warnings = recovered + planned.warnings + decision.warnings + decision.admit(planned)
        files = order.of(config, edit.apply(config.texts, planned.edits))
        verify.check(config, inventory.read(Overlay(root, {each.path: each.after for each in files})), planned.expected)
        warnings += tuple(_created(each) for each in files if each.before is None)
        done = None
        if files and not manner.dry_run:
            done = transaction.commit(
                root,
                files,
                command=manner.command,
                wanted=decision.wanted,
                by=decision.by,
                recheck=lambda: verify.check(config, inventory.read(root), planned.expected),
                run_followups=manner.run_followups,
            )
    return Outcome(tuple(files), done.id if done else None, done.followups if done else (), warnings)


def _check_understood(config: BootConfig) -> None:
    """Refuse to edit where any file of a bootloader is not understood; the first such file is named."""
    if config.errors:
        raise config.errors[0]


def _created(file: FileChange) -> Notice:
    return Notice(
        "created-cmdline",
        f"{file.path} did not exist: created, so that kernels installed later get the arguments",
        place=Place(file.path),
    )
