"""What a verb takes, declared in click's own words and kept until somebody asks for them.

click builds the command from them (`Verb.command`): for help, for completions, and for every command line that is not
plain. Importing it takes longer than most verbs, so a plain command line is read without it: see grubkd.commands.plain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    import click

    # From the option's name and its text to its value; raises Usage.
    Reader = Callable[[str, str], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option (its names begin with dashes), or an argument.

    `settings`: what click.Option or click.Argument is made with. `choices`: the only texts allowed, if any. `read`
    makes the value of its text.
    """

    names: tuple[str, ...]
    settings: Mapping[str, Any]
    choices: tuple[str, ...] = ()
    read: Reader | None = None

    @property
    def is_option(self) -> bool:
        """Whether it is an option."""
        return self.names[0].startswith("-")

    @property
    def variable(self) -> str:
        """The name under which the function gets its value: by click's rule, the one without dashes, if any."""
        plain = [name for name in self.names if name.isidentifier()]
        return plain[0] if plain else self.names[-1].partition("/")[0].lstrip("-").replace("-", "_")

    def made(self) -> click.Parameter:
        """The same for click."""
        import click

        settings = dict(self.settings)
        if self.choices:
            settings["type"] = click.Choice(self.choices)
        read = self.read
        if read is not None:

            def callback(_context: click.Context, parameter: click.Parameter, given: str | None) -> Any:
                return None if given is None else read(parameter.opts[0], given)

            settings["callback"] = callback
        return click.Option(self.names, **settings) if self.is_option else click.Argument(self.names, **settings)


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb: the function that does it, whose docstring is its help, and what it takes, in the order of its help."""

    name: str
    function: Callable[..., int]
    parameters: tuple[Parameter, ...]

    def command(self) -> click.Command:
        """The same for click."""
        import click

        parameters = [each.made() for each in self.parameters]
        return click.Command(self.name, callback=self.function, params=parameters, help=self.function.__doc__)


def option(*names: str, choices: Sequence[str] = (), read: Reader | None = None, **settings: Any) -> Parameter:
    """An option; `settings` as click.Option takes them."""
    return Parameter(names, settings, tuple(choices), read)


def argument(name: str, **settings: Any) -> Parameter:
    """An argument; `settings` as click.Argument takes them."""
    return Parameter((name,), settings)


def verb(name: str, *parameters: Parameter) -> Callable[[Callable[..., int]], Verb]:
    """The decorator that makes a function a verb."""
    return lambda function: Verb(name, function, parameters)
