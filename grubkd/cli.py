"""The command group: verbs loaded only when called, errors turned into exit codes."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from grubkd import __version__

if TYPE_CHECKING:
    import click

VERBS = {
    "show": "show how this machine boots and what each entry reserves",
    "plan": "say what --auto would choose, and why",
    "predict": "say what the kernel will do with a value",
    "set": "set the crashkernel value or other arguments, everywhere it matters",
    "unset": "remove the crashkernel value, everywhere it stands",
    "rollback": "take a change back",
    "history": "list the changes made",
}


def build() -> "click.Group":
    """The click group. A verb's module is imported when the verb is called, or when its help is asked for."""
    import click

    class Verbs(click.Group):
        """A group that knows its commands' names and summaries without importing them."""

        def list_commands(self, ctx: click.Context) -> list[str]:
            return list(VERBS)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            if cmd_name not in VERBS:
                return None
            from importlib import import_module

            command = import_module(f"grubkd.commands.{cmd_name}").command
            assert isinstance(command, click.Command)
            return command

        def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            with formatter.section("Commands"):
                formatter.write_dl(list(VERBS.items()))

    return Verbs(
        name="grubkd",
        help="Give this machine a working kernel-crash (kdump) reservation: one command, any bootloader layout.",
        epilog="Exit codes: 0 the wanted state holds, 1 failed and rolled back, 2 usage, 3 a file was not understood, "
        "4 refused, 5 rollback failed, 130 interrupted.",
        params=[click.Option(["--version"], is_flag=True, is_eager=True, help="Show the version and exit.")],
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run grubkd; returns the exit code. No exception leaves it: a traceback is a defect."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        # Answered before click is imported: it is what completions and package checks call.
        sys.stdout.write(f"grubkd {__version__}\n")
        return 0
    import click

    from grubkd import render
    from grubkd.errors import GrubkdError, Interrupted, Usage

    json = "--json" in arguments
    try:
        status = build().main(arguments, prog_name="grubkd", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as problem:  # click 8.2 and later
        render.text(problem.format_message())
        return Usage.exit
    except click.UsageError as problem:
        hint = f"see: {problem.ctx.command_path} --help" if problem.ctx else ""
        return render.failure(Usage(problem.format_message(), hint=hint), json=json)
    except click.ClickException as problem:
        return render.failure(Usage(problem.format_message()), json=json)
    except (KeyboardInterrupt, click.Abort):
        return render.failure(Interrupted("interrupted"), json=json)
    except GrubkdError as problem:
        return render.failure(problem, json=json)
    except BrokenPipeError:
        # The reader went away (`grubkd show | head`): not worth a word, and nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status if isinstance(status, int) else 0
