"""Kernel options in the shell configuration of menu writers.

The tools are update-extlinux of Alpine, sdboot-manage of Arch, and u-boot-update of Debian. A tool appends the value of
its variable to the command line of each entry, and writes all entries again at each kernel update. Unlike
GRUB_CMDLINE_LINUX, the value is kernel text and no script.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.document import Assignment, Document, Slot
from grubkd.boot.loaders import shell
from grubkd.boot.loaders.format import Format, slots_of
from grubkd.boot.model import Feeds, Line, NewKernelArgs
from grubkd.boot.words import held
from grubkd.errors import CannotHold, NotUnderstood, place_at
from grubkd.parsing.grammar import parse
from grubkd.text import in_quotes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.boot.loaders.format import LoaderMenu, MenuItem, Sources

NAME = "shell-options"


class _Tool(NamedTuple):
    """A tool that writes a menu: its variables, the first for ordinary entries; the menu, and how its files begin.

    `default`: what it uses where the first is empty or missing. `before`: a file of arguments that it then prefers.
    """

    variables: tuple[str, ...]
    menu: str
    entries: str
    default: tuple[str, ...] = ()
    before: str = ""


_TOOLS = {
    "/etc/update-extlinux.conf": _Tool(("default_kernel_opts",), "extlinux", ""),
    # u-boot-update of u-boot-menu 4.2.2.
    "/etc/default/u-boot": _Tool(("U_BOOT_PARAMETERS",), "extlinux", "", ("ro", "quiet"), "/etc/kernel/cmdline"),
    "/etc/sdboot-manage.conf": _Tool(("LINUX_OPTIONS", "LINUX_FALLBACK_OPTIONS"), "bls", "linux"),
}


_VARIABLES = frozenset(name for tool in _TOOLS.values() for name in tool.variables)


def parse_options(file: str, text: str) -> Document:
    """The plain assignments of the tools' variables. Raises NotUnderstood for a value that the shell computes."""
    tool = _TOOLS.get(file)
    assignments = []
    for statement in parse("default_grub", text, file=file).nodes():
        for node in statement.nodes("assignment") if statement.name != "command" else ():
            variable, sign, *value = node.tokens()
            if variable.text in _VARIABLES:
                if sign.text != "=":
                    hint = "set it once, by a plain assignment"
                    raise NotUnderstood("+= adds to a value", hint=hint, place=place_at(file, text, sign.start))
                end = value[0].end if value else sign.end
                slot = _slot(shell.decode(file, text, sign.end, end, variable.text))
                assignments.append(Assignment(variable.text, slot, extends=False))
    if tool and not any(each.variable == tool.variables[0] for each in assignments):
        absent = shell.absent(file, text, tool.variables[0], len(text))
        assignments.append(Assignment(tool.variables[0], absent._replace(format=NAME), extends=False))
    return Document(file, NAME, assignments=tuple(assignments))


def _slot(value: shell.Value) -> Slot:
    found = value.mapped.kernel_words()
    if len(set(value.quotes)) > 1 or shell.ITSELF in value.mapped.text:
        raise value.mixed_quotes(value.start)
    opening = value.text[value.start : value.end][:1]
    return value.slot(NAME, found, shell.Quotes(opening) if opening in ("'", '"') else shell.Quotes.NONE)


def quote(slot: Slot, argument: str) -> str:
    """The argument inside the shell quotes of the slot. Raises CannotHold."""
    if "\n" in argument or (slot.style == "single" and "'" in argument):
        raise CannotHold(
            f"{in_quotes(argument)} cannot be written there", hint="put the value in double quotes, on one line"
        )
    text = held(argument)
    return text if slot.style == "single" else re.sub(r'[\\"$`]', r"\\\g<0>", text)


def joined(menu: LoaderMenu, sources: Sources) -> LoaderMenu:
    """The menu with its entries marked as generated and the line of new kernels, where such a tool writes it."""
    for document in sources.documents[NAME]:
        tool = _TOOLS.get(document.file)
        if tool and tool.menu == menu.format:
            items = tuple(_marked(item) if _file_name(item).startswith(tool.entries) else item for item in menu.items)
            return menu._replace(
                files=(*menu.files, document.file),
                items=items,
                new_kernels=(*_new_kernels(document, tool, sources), *menu.new_kernels),
            )
    return menu


def _file_name(item: MenuItem) -> str:
    return item.file.rpartition("/")[2]


def _marked(item: MenuItem) -> MenuItem:
    return item._replace(stanza=item.stanza._replace(generated=True))


def _new_kernels(document: Document, tool: _Tool, sources: Sources) -> Iterator[NewKernelArgs]:
    for variable in tool.variables:
        name, slots = variable, slots_of([document], variable)
        feeds = Feeds.NORMAL if variable == tool.variables[0] else Feeds.NONE
        unset = feeds is Feeds.NORMAL and not any(slot.words for slot in slots)
        seed = tool.default if unset and tool.default else None
        before = slots_of([each for each in sources.documents["kernel-cmdline"] if each.file == tool.before], "cmdline")
        if seed and before:
            name, slots, seed = "cmdline", before, None
        if slots:
            yield NewKernelArgs(name, Line(slots, slots[0]), feeds, tool.menu, seed=seed)


FORMAT = Format(
    NAME,
    parse_options,
    paths=tuple(_TOOLS),
    quote=quote,
    lens="Kernel_args.script",
    lens_by_style={"single": "Kernel_args.line"},
)
