"""The command group: verbs loaded only when called, errors turned into exit codes."""

import os
import sys
from typing import TYPE_CHECKING

from grubkd import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    import click

    from grubkd.commands.declared import Verb
    from grubkd.errors import GrubkdError

VERBS = {
    "show": "show how this machine boots and what each entry reserves",
    "plan": "say what --auto would choose, and why",
    "predict": "say what the kernel will do with a value",
    "set": "set the crashkernel value or other arguments, everywhere it matters",
    "unset": "remove the crashkernel value, everywhere it stands",
    "rollback": "take a change back",
    "history": "list the changes made",
    "help": "show what the manual says of a verb or a topic",
    "keep": "give a newly installed kernel the value that set --auto chose",
    "check": "say whether a crash will leave a dump",
    "dumps": "list the dumps that were saved",
    "crash": "crash this machine, to see that it leaves a dump",
}

_LIBRARIES = ("augeas", "click", "lark", "psutil")


def build() -> "click.Group":
    """The click group. A verb's module is imported when the verb is called, or when its help is asked for."""
    import click

    from grubkd.commands import telling

    class Verbs(click.Group):
        """A group that knows its commands' names and summaries without importing them."""

        def list_commands(self, ctx: click.Context) -> list[str]:
            return list(VERBS)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            if cmd_name not in VERBS:
                return None
            return telling.with_options(_verb(cmd_name).command())

        def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            with formatter.section("Commands"):
                formatter.write_dl(list(VERBS.items()))

    def version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            _version()
            ctx.exit()

    return Verbs(
        name="grubkd",
        help="Give this machine a working kernel-crash (kdump) reservation: one command, any bootloader layout.",
        epilog="Exit codes: 0 the wanted state holds, 1 failed and rolled back, 2 usage, 3 a file was not understood, "
        "4 refused, 5 rollback failed, 130 interrupted.",
        params=[
            click.Option(
                ["--version"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=version,
                help="Show the version and exit.",
            ),
            *telling.options(),
        ],
        context_settings={"help_option_names": ["-h", "--help"], "terminal_width": help_width()},
        # Left to main: versions of click differ in where the help goes and in the exit code.
        no_args_is_help=False,
    )


def help_width() -> int:
    """The width of help, in columns, as click would choose it: click asks shutil, which loads three compressors."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size(sys.stdout.fileno()).columns
        except (OSError, ValueError):
            columns = 0
    return max(min(columns or 80, 80) - 2, 50)


def _verb(name: str) -> "Verb":
    # As importlib.import_module, which it takes a module more to import.
    verb: Verb = __import__(f"grubkd.commands.{name}", fromlist=["command"]).command
    return verb


def _version() -> None:
    sys.stdout.write(f"grubkd {__version__}\n")
    sys.stdout.flush()


def _run(arguments: list[str]) -> int:
    """Run a verb; returns the exit code."""
    from grubkd import render

    try:
        render.begin()
        if arguments and arguments[0] in VERBS:
            from grubkd.commands import plain

            verb = _verb(arguments[0])
            given = plain.read(verb, arguments[1:])
            if given is not None:
                return verb.function(**given)
        return _run_by_click(arguments)
    except KeyboardInterrupt:
        from grubkd.errors import Interrupted

        raise Interrupted("interrupted") from None


def _run_by_click(arguments: list[str]) -> int:
    """Run what is no plain command line. click's own ways to fail become Usage and KeyboardInterrupt."""
    import click

    group = build()
    try:
        if arguments:
            status = group.main(arguments, prog_name="grubkd", standalone_mode=False)
            return status if isinstance(status, int) else 0
    except click.ClickException as problem:
        from grubkd.errors import Usage

        if not isinstance(problem, click.UsageError):
            raise Usage(problem.format_message()) from None
        # click's own parser does not tell which command an option without its argument belongs to.
        verb = f" {arguments[0]}" if arguments[0] in VERBS else ""
        hint = f"see: {problem.ctx.command_path if problem.ctx else f'grubkd{verb}'} --help"
        raise Usage(problem.format_message(), hint=hint) from None
    except click.Abort:
        raise KeyboardInterrupt from None
    from grubkd import render
    from grubkd.errors import Usage

    render.tell(group.make_context("grubkd", [], resilient_parsing=True).get_help())
    return Usage.exit


def _answer(arguments: list[str]) -> int:
    """Run a verb and report its failure; returns the exit code."""
    import gc

    # A run makes values and keeps them; looking for cycles among them takes a tenth of its time.
    gc.set_threshold(100_000)
    try:
        return _run(arguments)
    except Exception as problem:
        failure = _failure(problem)
    from grubkd import render

    return render.failure(failure, json="--json" in arguments)


def _failure(problem: Exception) -> "GrubkdError":
    """What is to be reported of an exception. Raises it again where it is a defect, or the answer's own stream failed.

    The classes of errors are thirty, so they are imported where one is needed.
    """
    from grubkd.errors import Failed, GrubkdError, InputOutput

    if isinstance(problem, GrubkdError):
        return problem
    if isinstance(problem, ModuleNotFoundError) and problem.name in _LIBRARIES:
        packages = f"Debian's and Fedora's package is python3-{problem.name}"
        return Failed(f"the Python library {problem.name} is not installed", hint=f"install it: {packages}")
    if isinstance(problem, OSError) and problem.filename is not None:
        return InputOutput(f"{problem.filename}: {problem.strerror}")
    raise problem


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run grubkd; returns the exit code. No exception leaves it: a traceback is a defect."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:  # closed by the caller (`>&-`): the run still counts, its answer is for nobody
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    try:
        if arguments == ["--version"]:
            # Answered before anything is imported: it is what completions and package checks call.
            _version()
            return 0
        if arguments[:1] == ["--complete"]:
            from grubkd.commands import complete

            return complete.answer(build(), VERBS, arguments[1:])
        return _answer(arguments)
    except (OSError, SystemExit) as problem:
        # click turns a broken pipe into SystemExit(1). Whatever could not be written would be tried again, in vain,
        # when the interpreter ends; and a reader that went away (`grubkd show | head`) is not worth a word.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(problem, OSError) and not isinstance(problem, BrokenPipeError):
            from grubkd import render
            from grubkd.errors import InputOutput

            render.complain(InputOutput(f"the answer cannot be written: {problem.strerror}"), "error")
        return 1


def run() -> "NoReturn":
    """Run grubkd as a command of its own: ends the process with the exit code."""
    sys.exit(main())
