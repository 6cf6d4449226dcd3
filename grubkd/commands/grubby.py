"""`grubkd grubby`: the calls of grubby that show and change entries, each change as a transaction of grubkd.

Output and silence are grubby's; the exit code of a failure is 1, but 5 where a rollback failed and 130 after a signal.
An option may be shortened as long as it is clear which one is meant, as getopt_long(3) and popt allow.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import click

from grubkd import __version__
from grubkd.boot import cmdline, grubby_menu
from grubkd.boot.default_entry import place_of
from grubkd.change.request import ArgChange, Verb, removal
from grubkd.commands import change, options
from grubkd.commands.change import Decision, Request, check_exists, understood
from grubkd.commands.default import set_default
from grubkd.commands.group import message_options
from grubkd.errors import GrubkdError, Interrupted, NoSuchEntry, Refused, RollbackFailed, Usage
from grubkd.machine import machine as machines
from grubkd.render import output
from grubkd.text import from_user
from grubkd.tree.root import Root
from grubkd.tree.tree import Snapshot

if TYPE_CHECKING:
    from typing import Any

    from grubkd.boot.model import BootConfig, Entry
    from grubkd.commands.change import Outcome

_VALUES = {
    "info": ("SEL", "Show the entries."),
    "update-kernel": ("SEL", "Change the arguments of the entries."),
    "args": ("ARGS", "The arguments to set, as one text."),
    "remove-args": ("ARGS", "The arguments to remove first, as one text."),
    "set-default": ("SEL", "Make the first of the entries the default one."),
    "set-default-index": ("INDEX", "Make the entry the default one."),
    "env": ("PATH", "The environment block, which must be this tree's."),
    "add-kernel": ("PATH", "Not done: kernel-install adds entries."),
    "remove-kernel": ("SEL", "Not done: kernel-install removes entries."),
    "title": ("TITLE", "Not done: a part of --add-kernel."),
    "initrd": ("PATH", "Not done: a part of --add-kernel."),
}
_FLAGS = {
    "default-kernel": "Show the path of the default kernel.",
    "default-index": "Show the index of the default entry.",
    "default-title": "Show the title of the default entry.",
    "no-etc-grub-update": "Change the entries only, not what new kernels take their arguments from.",
    "bad-image-okay": "Accepted: images are never checked.",
    "copy-default": "Not done: a part of --add-kernel.",
    "make-default": "Not done: a part of --add-kernel.",
    "grub2": "The boot loader must be GRUB 2.",
    "zipl": "The boot loader must be zipl.",
}
_SHORT = {"bls-directory": ("-b", "The directory of snippets, which must be this tree's.")}
_SHORT["config-file"] = ("-c", "The configuration of the boot loader, which must be this tree's.")
_NAMES = (*_VALUES, *_FLAGS, *_SHORT, "root", "version", "verbose", "color", "help")
_ADDS = ("add_kernel", "remove_kernel", "title", "initrd", "copy_default", "make_default")


def _whole_name(name: str) -> str:
    """The option that a shortened name means; the name itself where it means none or several."""
    found = [each for each in _NAMES if each.startswith(name)]
    return found[0] if len(found) == 1 and len(name) > 1 and name not in _NAMES else name


def _all_options(function: Any) -> Any:
    for name, (short, text) in reversed(_SHORT.items()):
        function = click.option(short, f"--{name}", metavar="PATH", help=text)(function)
    for name, text in reversed(_FLAGS.items()):
        function = click.option(f"--{name}", is_flag=True, help=text)(function)
    for name, (metavar, text) in reversed(_VALUES.items()):
        function = click.option(f"--{name}", metavar=metavar, help=text)(function)
    return function


@click.command("grubby", context_settings={"token_normalize_func": _whole_name})
@_all_options
@click.version_option(__version__, message="grubby version 8.40 (grubkd %(version)s)")
@options.ROOT
@message_options
def grubby_command(root: str, **given: Any) -> int:
    """Show and change boot entries as grubby does, for programs that call it.

    Each change is one transaction, which `grubkd rollback` undoes. SEL is ALL, DEFAULT, an index, several with commas
    between, TITLE=TITLE or the path of a kernel.
    """
    asked = {name: from_user(value) if isinstance(value, str) else value for name, value in given.items()}
    try:
        return _run(Root(root), asked)
    except _IncorrectParam as problem:
        output.plain_message(problem.message)
    except (RollbackFailed, Interrupted):
        raise
    except GrubkdError as problem:
        output.complain_of(problem.warnings, "warning")
        output.complain(problem, "error")
    return 1


class _IncorrectParam(NoSuchEntry):
    """A selector that means no entry, in grubby's own words."""

    def __init__(self, param: str) -> None:
        super().__init__(f"The param {param} is incorrect")


def _run(root: Root, asked: dict[str, Any]) -> int:
    for name in _ADDS:
        if asked[name]:
            raise Refused(
                f"--{name.replace('_', '-')}: grubkd adds and removes no entries, and nothing was changed",
                hint="kernel-install add RELEASE IMAGE and kernel-install remove RELEASE do it",
            )
    tree = Snapshot(root)
    config = understood(tree)
    check_exists(config)
    entries = grubby_menu.menu(config)
    _check_means_this_tree(tree, config, asked)
    for name in ("default_kernel", "default_index", "default_title"):
        if asked[name]:
            (index,) = _indices(tree, entries, "DEFAULT")[:1]
            entry = entries[index]
            shown = {"default_kernel": grubby_menu.kernel(tree, entry), "default_title": entry.title}
            return output.report(None, [shown.get(name, str(index))])
    if asked["info"] is not None:
        found = _indices(tree, entries, asked["info"])
        facts = (grubby_menu.information(tree, config, each, entries[each]) for each in found)
        return output.report(None, chain.from_iterable(facts))
    default = asked["set_default"] if asked["set_default"] is not None else asked["set_default_index"]
    if asked["update_kernel"] is not None and default is not None:
        raise Usage("--update-kernel and --set-default are two changes", hint="give one of them, then the other")
    if asked["update_kernel"] is not None:
        _update(root, tree, entries, asked)
    elif default is not None:
        _set_default(root, default)
    else:
        raise Usage("no action specified", hint="see: grubkd grubby --help")
    return 0


def _indices(tree: Snapshot, entries: list[Entry], param: str) -> list[int]:
    """The indices that a parameter means. Raises _IncorrectParam if there are none."""
    found = grubby_menu.selected(tree, entries, param)
    if not found:
        raise _IncorrectParam(param)
    return found


def _check_means_this_tree(tree: Snapshot, config: BootConfig, asked: dict[str, Any]) -> None:
    """Raise Refused for a path that is not of this tree's configuration, or a boot loader that it does not have."""
    known = {*config.texts, *(file.rpartition("/")[0] for file in config.texts)}
    for name in ("bls_directory", "config_file", "env"):
        path = asked[name]
        if path is not None and tree.resolve(path.rstrip("/") or "/") not in known:
            raise Refused(
                f"--{name.replace('_', '-')} {path}: the boot configuration of this tree is not there",
                hint="leave the option out: grubkd finds the files; --root DIR acts on another tree",
            )
    has = {"zipl": any(name == "zipl" for name, _ in config.documents)}
    has["grub2"] = not has["zipl"] and any(each.format in ("grub2", "bls") for each in config.bootloaders)
    for name, there in has.items():
        if asked[name] and not there:
            raise Refused(f"--{name}: this tree does not boot with it", hint="leave the option out")


def _update(root: Root, tree: Snapshot, entries: list[Entry], asked: dict[str, Any]) -> None:
    """Change the arguments of the entries, and with ALL what new kernels take theirs from."""
    param = asked["update_kernel"]
    found = _indices(tree, entries, param)
    # --remove-args: a name removes each argument of that name, NAME=VALUE only that one.
    removals = map(removal, cmdline.tokens(asked["remove_args"] or ""))
    changes = (*removals, *_settings(asked["args"] or ""))
    if not changes:
        return
    everything = param == "ALL" and not asked["no_etc_grub_update"]
    selectors = () if everything else tuple(entries[each].id or str(entries[each].index) for each in found)
    machine = machines.read(root)
    wanted: dict[str, object] = {
        "crashkernel": None,
        "arguments": [each.recorded for each in changes],
    }
    decision = Decision(
        changes_for=lambda _entry: changes,
        wanted=wanted if everything else {**wanted, "kernel": list(selectors)},
        by="given",
        architecture=machine.architecture,
        admit=lambda _planned: (),
    )
    # grubby removes every argument that is named, even what a kernel needs to boot.
    request = Request("grubby", selectors, arguments=changes, force=bool(asked["remove_args"]))
    done = change.run(root, request, lambda _config, _selection: decision)
    with output.optional():
        said = ("sealed", "interrupted-undone")
        output.complain_of((each for each in done.warnings if each.code in said), "warning")
        _say_what_is_left(done)


def _say_what_is_left(done: Outcome) -> None:
    """Under --root, name the command that makes the change take effect."""
    for command in done.followups:
        output.plain_message(f"now run, in that system: {' '.join(command)}")


def _settings(text: str) -> list[ArgChange]:
    """The changes of --args: an argument replaces those of its name; a name that is there twice gets both values."""
    held: dict[str, list[str]] = {}
    for each in cmdline.tokens(text):
        held.setdefault(cmdline.name_of(each), []).append(each)
    return [ArgChange(Verb.SET, name, tuple(dict.fromkeys(tokens))) for name, tokens in held.items()]


def _set_default(root: Root, param: str) -> None:
    """Make the first entry that a parameter means the default one, and say which it is."""
    said = ""

    def choose(config: BootConfig) -> Entry:
        nonlocal said
        tree, entries = Snapshot(root), grubby_menu.menu(config)
        index = _indices(tree, entries, param)[0]
        entry = entries[index]
        file = entry.source.file if entry.format == "bls" else place_of(config, entry).document.file
        said = f"The default is {file} with index {index} and kernel {grubby_menu.kernel(tree, entry)}"
        return entry

    done, _ = set_default(root, choose, command="grubby")
    with output.optional():
        output.complain_of(done.warnings, "warning")
        output.plain_message(said)
        _say_what_is_left(done)
