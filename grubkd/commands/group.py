"""The command group: a verb is imported when it is called, or when its help is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from grubkd import __version__
from grubkd.errors import Usage
from grubkd.render import output

if TYPE_CHECKING:
    from typing import Any

VERBS = {
    "show": "show how this machine boots and what each entry reserves",
    "plan": "show what --auto would choose, and why",
    "predict": "show what the kernel does with a value",
    "set": "set the crashkernel value or other arguments in every place that needs them",
    "unset": "remove the crashkernel value from every place that holds it",
    "rollback": "undo a change",
    "history": "list the changes made",
    "help": "show a part of the manual",
    "default": "show or choose the entry that boots by default",
    "grubby": "do what grubby does with boot entries",
    "keep": "give a new kernel the value that set --auto chose",
    "enable": "do what is missing for a dump: packages, the service, the value",
    "check": "check whether a crash will leave a dump",
    "dumps": "list the dumps that were saved",
    "measure": "show how much memory capture kernels needed",
    "report": "say what a kernel developer asks first of a dump",
    "open": "open a dump in crash or drgn",
    "crash": "crash this machine, to test that it leaves a dump",
}
# Verbs that share a module with another.
_MODULES = {"unset": "set", "dumps": "check", "open": "report", "rollback": "history"}


class LazyGroup(click.Group):
    """A group that knows the names and summaries of its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As click.Group."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """As click.Group."""
        if cmd_name not in VERBS:
            return None
        module = import_module(f"grubkd.commands.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click.Group. Raises click.UsageError with the verbs that are nearest."""
        if args[0] not in VERBS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = " or ".join(get_close_matches(args[0], VERBS, n=2))
            raise click.UsageError(f"no command '{args[0]}'" + (f"; did you mean {near}?" if near else ""), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click.Group."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click.Group."""
        verbs = [CompletionItem(name, help=text) for name, text in VERBS.items() if name.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]


def message_options(function: Any) -> Any:
    """Add -v and --color, which may be given before or after the verb."""
    return _VERBOSE(_COLOR(function))


# A completion prints no messages.
_VERBOSE = click.option(
    "-v",
    "--verbose",
    count=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _param, count: None if ctx.resilient_parsing else output.more_verbose(count),
    help="Show what is found, decided and run on stderr; twice: also each file that is read.",
)
_COLOR = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    is_eager=True,
    expose_value=False,
    callback=lambda _ctx, _param, choice: output.choose_colour(choice) if choice else None,
    help="Colour the output: auto does so on a terminal unless NO_COLOR is set.",
)


def _licences(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    """Print the licences that are packed with grubkd; only a single file (packaging/onefile.sh) has those of others."""
    if not wanted or ctx.resilient_parsing:
        return
    from importlib import resources

    packed = resources.files("grubkd").joinpath("LICENSES")
    output.text(packed.read_text("utf-8").rstrip("\n") if packed.is_file() else _LICENCE)
    ctx.exit()


_LICENCE = (
    "grubkd: GNU Lesser General Public License, version 2.1 or later (LGPL-2.1-or-later).\n"
    "Python, click, lark, psutil and python-augeas are installed beside it, each with its own license."
)


@click.group(
    "grubkd",
    cls=LazyGroup,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 the wanted state holds, 1 failed and rolled back, 2 usage, 3 a file was not understood, "
    "4 refused, 5 rollback failed, 130 interrupted.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option(
    "--licenses", is_flag=True, is_eager=True, expose_value=False, callback=_licences,
    help="Show the licenses of grubkd and of what is in its file, and exit.",
)  # fmt: skip
@message_options
@click.pass_context
def group(ctx: click.Context) -> None:
    """Give this machine a working kernel-crash (kdump) reservation, whatever its boot loader."""
    # Versions of click differ in where the help goes without a verb, and in the exit code.
    if ctx.invoked_subcommand is None:
        output.help_text(ctx.get_help())
        ctx.exit(Usage.exit)
