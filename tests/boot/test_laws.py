"""The laws of an edit, over every layout: what is planned comes out, and nothing else changes."""

import re
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from support.strategies import TREES, MemoryTree

from grubkd.boot import cmdline, inventory
from grubkd.boot.model import BootConfig, Entry, Role
from grubkd.boot.selector import select
from grubkd.change import changes, edit, request, verify
from grubkd.change.edit import FileChange
from grubkd.change.request import ArgChange, Verb, reservation
from grubkd.text import to_bytes
from grubkd.tree.tree import Overlay

VALUES = st.sampled_from([("64M@16M",), ("256M",), ("1G-4G:192M,4G-64G:256M,64G-:512M",), ("256M,high", "72M,low"), ()])
EDGED = st.sampled_from(
    [
        ArgChange(Verb.SET, "console", ("console=tty9", "console=ttyS9")),
        ArgChange(Verb.ADD, "dyndbg", ('dyndbg="file b.c +p"',)),
        ArgChange(Verb.REMOVE, "quiet"),
        ArgChange(Verb.REMOVE, "console", ("console=tty0",)),
    ]
)


def edited(tree: MemoryTree, selectors: Sequence[str], wishes: Sequence[ArgChange]) -> list[FileChange]:
    config = inventory.read(tree)
    assert not config.errors
    planned = changes.make(config, select(config, selectors), lambda _entry: wishes)
    texts = edit.apply(config.texts, planned.edits)
    after = {path: to_bytes(text) for path, text in texts.items() if text != config.texts.get(path)}
    verify.check(config, inventory.read(Overlay(tree, after)), planned.expected)
    return edit.file_changes(tree, config.texts, after)


def with_files(tree: MemoryTree, files: Sequence[FileChange]) -> MemoryTree:
    made = dict(tree.files)
    for each in files:
        assert each.after is not None
        made[each.path] = each.after
    return MemoryTree(made)


def read_by_kernel(entry: Entry) -> tuple[list[str], list[str]]:
    """The crashkernel values of an entry, and its other arguments by meaning."""
    words = [p.word.text for boot in entry.boots if boot.role is Role.KERNEL for p in boot.line.pieces()]
    mine = [word.partition("=")[2] for word in words if cmdline.is_crashkernel(word)]
    return mine, [str(cmdline.meaning(word)) for word in words if not cmdline.is_crashkernel(word)]


def recovery_is_not_fed(config: BootConfig, entry: Entry) -> bool:
    return entry.rescue and request.fed_by_source(config, entry) is not None


@settings(max_examples=150)
@given(TREES, VALUES)
def test_every_entry_holds_exactly_the_values(tree: MemoryTree, values: tuple[str, ...]) -> None:
    before = inventory.read(tree)
    made = with_files(tree, edited(tree, [], [reservation(values)]))
    after = inventory.read(made)
    for old, new in zip(before.entries, after.entries, strict=True):
        mine, others = read_by_kernel(new)
        if not recovery_is_not_fed(before, new):
            assert mine == list(values)
        assert others == read_by_kernel(old)[1]
    for future in after.new_kernels:
        held = [p.word.text for p in future.line.pieces() if cmdline.is_crashkernel(p.word.text)]
        if future.feeds.value != "recovery" and future.seed is None:
            assert held == [f"crashkernel={value}" for value in values]


@settings(max_examples=100)
@given(TREES, VALUES, st.lists(EDGED, max_size=2))
def test_twice_is_once(tree: MemoryTree, values: tuple[str, ...], wishes: list[ArgChange]) -> None:
    wanted = [*wishes, reservation(values)]
    made = with_files(tree, edited(tree, [], wanted))
    assert edited(made, [], wanted) == []


@settings(max_examples=100)
@given(TREES, VALUES, st.integers(0, 5))
def test_one_entry_alone_changes(tree: MemoryTree, values: tuple[str, ...], number: int) -> None:
    before = inventory.read(tree)
    chosen = number % len(before.entries)
    after = inventory.read(with_files(tree, edited(tree, [str(chosen)], [reservation(values)])))
    for old, new in zip(before.entries, after.entries, strict=True):
        if old.index == chosen:
            assert read_by_kernel(new) == (list(values), read_by_kernel(old)[1])
        else:
            assert read_by_kernel(new) == read_by_kernel(old)


def without_values(data: bytes) -> list[bytes]:
    """A file's lines without blanks and what may come and go: values, the line made for one, grubenv's padding."""
    text = re.sub(rb"""[ \t]|crashkernel=[^\s"';]*|#*\Z""", b"", data)
    return [line for line in text.splitlines() if line not in (b"", b"options", b"APPEND", b"parameters=")]


@settings(max_examples=100)
@given(TREES, VALUES)
def test_only_values_come_and_go(tree: MemoryTree, values: tuple[str, ...]) -> None:
    for each in edited(tree, [], [reservation(values)]):
        if each.before is not None and each.after is not None:
            assert without_values(each.after) == without_values(each.before)
