"""`grubkd default`: which entry boots by default, and the change of it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from grubkd.boot import inventory
from grubkd.boot.default_entry import next_boot, place_of
from grubkd.boot.selector import DEFAULT, select
from grubkd.change import default_entry, edit, journal, transaction
from grubkd.commands import completion, options
from grubkd.commands.change import Outcome, begun, check_exists, print_outcome, understood
from grubkd.commands.group import message_options
from grubkd.errors import NoDefaultPlace, NoSuchEntry, Notice, Place
from grubkd.machine import machine as machines
from grubkd.render import output
from grubkd.text import from_user, to_display, to_line
from grubkd.tree.root import Root
from grubkd.tree.tree import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from grubkd.boot.default_entry import DefaultPlace
    from grubkd.boot.model import BootConfig, Entry


@click.command("default")
@click.argument("selector", required=False, metavar="[SEL]", shell_complete=completion.selectors)
@options.ROOT
@options.DRY_RUN
@options.RUN_FOLLOWUPS
@options.JSON
@message_options
def default_command(*, selector: str | None, root: str, dry_run: bool, run_followups: bool, json: bool) -> int:
    """Show which entry boots by default and where that is kept, or make the selected entry the default one.

    SEL selects one entry, as --kernel does elsewhere. Only the setting that the boot loader reads is changed; where no
    file has it, nothing is written and the exit code is 4.
    """
    tree = Root(root)
    if selector is None:
        return _show(tree, json=json)
    given, running = from_user(selector), machines.running_release(tree)

    def choose(config: BootConfig) -> Entry:
        found = select(config, (given,), running=running).entries
        if len(found) != 1:
            indexes = ", ".join(str(each.index) for each in found)
            raise NoSuchEntry(
                f"'{given}' selects {len(found)} entries: {indexes}", hint="give the index of one of them"
            )
        return found[0]

    outcome, entry = set_default(tree, choose, command="default", dry_run=dry_run, run_followups=run_followups)
    facts = {"default": _row(entry)}
    print_outcome(outcome, json=json, dry_run=dry_run, reboot_required=False, facts=facts)
    if not json:
        verb = "would boot" if dry_run and outcome.files else "boots"
        with nullcontext() if dry_run else output.optional():
            output.report(None, [f"entry {entry.index} {verb} by default: {to_line(entry.title)}"])
    return 0


def set_default(
    root: Root,
    choose: Callable[[BootConfig], Entry],
    *,
    command: str,
    dry_run: bool = False,
    run_followups: bool = False,
) -> tuple[Outcome, Entry]:
    """Make an entry the default one, as one transaction. `choose`: which one; `command`: the verb of history.

    Raises NoDefaultPlace where no file names it, NotUnderstood, and as transaction.commit does.
    """
    with begun(root, dry_run=dry_run, run_followups=run_followups) as earlier:
        tree = Snapshot(root)
        config = understood(tree)
        check_exists(config)
        entry = choose(config)
        place, after = default_entry.plan(tree, config, entry)
        files = tuple(edit.file_changes(root, config.texts, after))
        warnings = earlier + _once(config, place)
        if dry_run:
            journal.check_files(transaction.step(root, each).record() for each in files)
        if dry_run or not files:
            return Outcome(files, None, (), warnings), entry
        done = transaction.commit(
            root,
            files,
            command=command,
            wanted={"default": to_display(place.value)},
            by="given",
            followups=[place.command] if place.command else (),
            recheck=lambda written: default_entry.check(config, inventory.read(written, config), entry.index),
            run_followups=run_followups,
        )
        return Outcome(files, done.id, done.followups, warnings + done.warnings), entry


def _once(config: BootConfig, place: DefaultPlace) -> tuple[Notice, ...]:
    """A notice about another entry that the next boot takes, once."""
    once = next_boot(config)
    if once is None or place.document.format != "grubenv":
        return ()
    hint = "grub-editenv - unset next_entry cancels that (grub2-editenv on Fedora and RHEL)"
    message = f"the next boot takes another entry, once: {once}"
    return (Notice("boots-once", message, hint, Place(place.document.file)),)


def _show(tree: Root, *, json: bool) -> int:
    """Print the default entry, and the file that names it."""
    config = understood(Snapshot(tree))
    check_exists(config)
    entry = select(config, (DEFAULT,)).entries[0]
    where, why = None, ""
    warnings: tuple[Notice, ...] = ()
    try:
        place = place_of(config, entry)
    except NoDefaultPlace as problem:
        why = f"{problem}; {problem.hint}"
    else:
        where, warnings = _place_row(config, place), _once(config, place)
    if json:
        output.document({"default": _row(entry), "place": where, "reason": why or None, "warnings": warnings})
        return 0
    output.complain_of(warnings, "warning")
    lines = [to_line(f"{entry.index}  {entry.version or entry.id or '-'}  {entry.title}")]
    if where is None:
        lines.append(to_line(f"cannot be changed here: {why}"))
    else:
        value = f" {where['value']}" if where["value"] is not None else ", not set: the boot loader chooses"
        lines.append(to_line(f"kept in {where['file']}: {where['variable']}{value}"))
    return output.report(None, lines)


def _row(entry: Entry) -> dict[str, Any]:
    return output.members(entry, "index", "id", "title", "version")


def _place_row(config: BootConfig, place: DefaultPlace) -> dict[str, Any]:
    """Where the default entry is kept: the file, the name there and the value as written, None if it is not set."""
    setting, text = place.setting, config.texts[place.document.file]
    value = None if setting.absent else to_display(text[setting.start : setting.end])
    return {"file": place.document.file, "variable": setting.variable, "value": value}
