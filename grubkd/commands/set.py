"""`grubkd set` and `grubkd unset`: the crashkernel value and other arguments, in every place that needs them."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

import click

from grubkd.advice import PlanOptions, Verdicts
from grubkd.boot import cmdline
from grubkd.boot.entry import main_line, reboot_required
from grubkd.change.request import ArgChange, Verb, removal
from grubkd.commands import change, completion, options
from grubkd.commands.change import Request
from grubkd.commands.decide import decide
from grubkd.commands.group import message_options
from grubkd.errors import Usage
from grubkd.machine import machine as machines
from grubkd.memory.value import parse_values
from grubkd.memory.xen import is_xen_value
from grubkd.render.change import Held, Result
from grubkd.text import from_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from grubkd.commands.change import Outcome
    from grubkd.machine.machine import Machine

_UNCHANGED = 77
_NO_OPTIONS = PlanOptions()


def _argument_option(name: str, variable: str, metavar: str, text: str) -> options.Decorator:
    return click.option(
        name, variable, multiple=True, metavar=metavar, shell_complete=completion.argument_names, help=text
    )


@click.command("set")
@click.argument("values", nargs=-1, metavar="[VALUE]...", shell_complete=completion.values)
@click.option("--auto", is_flag=True, help="Choose the value by RAM, architecture and kernel (see: grubkd plan).")
@_argument_option("--arg", "sets", "NAME[=V]", "Make NAME hold exactly this value; repeat it for several values.")
@_argument_option("--add-arg", "adds", "TOKEN", "Append TOKEN if it is not there yet.")
@_argument_option("--remove-arg", "removes", "NAME[=V]", "Remove every NAME, or every NAME=V.")
@click.option("--regenerate", is_flag=True, help="Run the tree's own grub-mkconfig instead of editing its grub.cfg.")
@options.PLAN
@options.CHANGE
@message_options
def set_command(  # noqa: PLR0913 - one parameter an option
    *,
    values: tuple[str, ...],
    auto: bool,
    sets: tuple[str, ...],
    adds: tuple[str, ...],
    removes: tuple[str, ...],
    kernel: tuple[str, ...],
    regenerate: bool,
    **given: Any,
) -> int:
    """Set the crashkernel value and other kernel arguments in every place that needs them.

    VALUE is a crashkernel value, with or without the name; give two for a high and a low region. Without VALUE and
    --auto the value stays as it is. The run is one transaction: all files change or none, and `grubkd rollback` undoes
    it.
    """
    if auto and values:
        raise Usage("VALUE and --auto exclude each other", hint="give one of them")
    changes = _arg_changes(sets, adds, removes)
    if not auto and not values and not changes:
        raise Usage("nothing to set", hint="give a VALUE, --auto, --arg, --add-arg or --remove-arg")
    if regenerate and kernel not in ((), ("ALL",)):
        raise Usage("--regenerate changes every entry", hint="leave out --kernel")
    if regenerate and given["grub_cfg"]:
        raise Usage("--regenerate makes the usual menu", hint="leave out --grub-cfg")
    plan = PlanOptions(**{name: given.pop(name) for name in ("ram", "arch", "this_machine", "offset")})
    checked = checked_values(values) if values else None
    return _carry_out(
        "set", given, plan, selectors=kernel, values=checked, auto=auto, arguments=changes, regenerate=regenerate
    )


@click.command("unset")
@options.CHANGE
@message_options
def unset_command(kernel: tuple[str, ...], **given: Any) -> int:
    """Remove every crashkernel value from the entries, and from the places that new kernels take theirs from."""
    return _carry_out("unset", given, _NO_OPTIONS, selectors=kernel, values=())


def _carry_out(command: str, given: dict[str, Any], plan: PlanOptions, **asked: Any) -> int:
    root, json, exit_77 = given.pop("root"), given.pop("json"), given.pop("unchanged_exit_77")
    return answer(Root(root), Request(command, **asked, **given), plan, json=json, exit_77=exit_77)


def answer(
    root: Root, request: Request, plan: PlanOptions = _NO_OPTIONS, *, json: bool = False, exit_77: bool = False
) -> int:
    """Make the change, print the answer, return the exit code: with `exit_77` 77 if nothing had to change."""
    machine = machines.read(root, ram=plan.ram, arch=plan.arch, this_machine=plan.this_machine)
    request = request._replace(running=machine.running_release)
    outcome = change.run(root, request, lambda config, selection: decide(request, plan, machine, config, selection))
    reboot = _reboot_required(request, outcome, machine)
    result = _result(outcome, outcome.held, machine, reboot=reboot) if outcome.held else None
    change.print_outcome(outcome, json=json, dry_run=request.dry_run, reboot_required=reboot, result=result)
    return _UNCHANGED if exit_77 and not (outcome.files or outcome.ran) else 0


def _reboot_required(request: Request, outcome: Outcome, machine: Machine) -> bool:
    """Whether the next boot gets other arguments than the running kernel was booted with.

    On the running system the two lines are compared, so that a second run, which changes nothing, answers the same.
    """
    if machine.running and outcome.held and not outcome.ran:
        names = {each.name for each in request.arguments}
        names |= {cmdline.CRASHKERNEL} if request.auto or request.values is not None else set()
        found = reboot_required(outcome.held.config, machine.running.cmdline, names)
        if found is not None:
            return found
    return bool(outcome.files or outcome.ran) and not request.dry_run


def _result(outcome: Outcome, held: Held, machine: Machine, *, reboot: bool) -> Result:
    """What the entries hold, and what the kernel that boots next reserves: that of the default entry, else the first.

    `reboot`: as in JSON. Only the user of the running system is asked to reboot.
    """
    entries = held.entries
    own = [entry for entry in entries if entry.default] or [entry for entry in entries if not entry.rescue]
    next_boot = (*own, *entries)[:1]
    verdicts = Verdicts(machine)
    reservation = next(((each, verdicts.verdict(main_line(each), each)) for each in next_boot), None)
    return Result(held, reservation, outcome.ran, reboot and machine.live)


def checked_values(values: tuple[str, ...]) -> tuple[str, ...]:
    """The values as given, without the name; one argument may hold several, as a command line does.

    Raises BadValue with the column, but not for what means no reservation.
    """
    texts = [word for value in values for word in re.split("[ \t\n]+", from_user(value).strip(" \t\n"))]
    given = tuple(text.removeprefix("crashkernel=") for text in texts)
    if not cmdline.is_off(given) and not (given and all(map(is_xen_value, given))):
        parse_values(texts)
    return given


def _arg_changes(sets: Sequence[str], adds: Sequence[str], removes: Sequence[str]) -> tuple[ArgChange, ...]:
    """The changes that --arg, --add-arg and --remove-arg ask for, in the order they are made: remove, set, add.

    Raises Usage for what is not an argument, and for crashkernel in --arg and --add-arg.
    """
    found = [removal(_token("--remove-arg", option)) for option in removes]
    held: dict[str, list[str]] = {}
    for option in sets:
        token = _token("--arg", option)
        held.setdefault(_not_crashkernel("--arg", token), []).append(token)
    found += [ArgChange(Verb.SET, name, tuple(tokens)) for name, tokens in held.items()]
    for option in adds:
        token = _token("--add-arg", option)
        found.append(ArgChange(Verb.ADD, _not_crashkernel("--add-arg", token), (token,)))
    _check_consistent(found)
    return tuple(found)


def _check_consistent(changes: Sequence[ArgChange]) -> None:
    """Raise Usage for changes of one argument that exclude each other."""
    ways = {Verb.SET: "--arg", Verb.ADD: "--add-arg", Verb.REMOVE: "--remove-arg"}
    for one, other in combinations(changes, 2):
        both = one.verb is not other.verb and one.name == other.name
        # One value may be replaced by another: --remove-arg foo=1 --add-arg foo=2.
        if both and (Verb.SET in (one.verb, other.verb) or one.tokens in ((), other.tokens)):
            hint = f"give one of them: --arg {one.name}=VALUE replaces every {one.name}"
            raise Usage(f"{ways[one.verb]} and {ways[other.verb]} of {one.name} exclude each other", hint=hint)


def _token(option: str, given: str) -> str:
    text = from_user(given)
    if [text] != cmdline.tokens(text) or cmdline.unbalanced(text) >= 0 or cmdline.name_of(text) in ("", "--"):
        raise Usage(
            f"{option} '{text}' is not one kernel argument",
            hint='give one NAME or NAME=VALUE; quote a value with blanks inside the argument: NAME="a b"',
        )
    return text


def _not_crashkernel(option: str, token: str) -> str:
    name = cmdline.name_of(token)
    if name == cmdline.CRASHKERNEL:
        raise Usage(f"{option} does not set crashkernel", hint="give the value alone: grubkd set 256M")
    return name
