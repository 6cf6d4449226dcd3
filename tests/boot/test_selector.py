"""Selectors: whatever show prints of an entry selects it; what matches nothing names what is nearest."""

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.boot import inventory
from grubkd.boot.model import BootConfig, Entry
from grubkd.boot.selector import select
from grubkd.errors import NoSuchEntry
from grubkd.text import from_user, to_display
from grubkd.tree.root import Root

FIXTURES = Path(__file__).parents[2] / "fixtures"
TREES = sorted(show.parent.name for show in FIXTURES.glob("*/show.json") if json.loads(show.read_text())["entries"])


@cache
def config(tree: str) -> BootConfig:
    return inventory.read(Root(str(FIXTURES / tree / "root")))


def indexes(tree: str, *selectors: str, running: str | None = None) -> list[int]:
    found = select(config(tree), [from_user(each) for each in selectors], running=running)
    return [entry.index for entry in found.entries]


def names(entry: Entry) -> list[str]:
    """Everything that show prints of an entry, as a person would type it."""
    found = [str(entry.index), f"{entry.index}-{entry.index}", f"title={to_display(entry.title)}"]
    found += [to_display(text) for text in (entry.version, entry.id) if text]
    found += [f"id={to_display(entry.id)}"] if entry.id else []
    return found + [to_display(boot.path) for boot in entry.boots[:1] if "/" in boot.path]


@pytest.mark.parametrize("tree", TREES)
def test_every_entry_is_selected_by_all_that_show_prints_of_it(tree: str) -> None:
    for entry in config(tree).entries:
        for name in names(entry):
            assert entry.index in indexes(tree, name), name


@given(st.data())
def test_a_list_selects_what_its_parts_select(data: st.DataObject) -> None:
    tree = data.draw(st.sampled_from(TREES))
    words = [name for entry in config(tree).entries for name in names(entry) if "," not in name]
    parts = data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=4))
    assert indexes(tree, ",".join(parts)) == indexes(tree, *parts)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("ALL", [0, 1, 2, 3, 4]),
        ("all", [0, 1, 2, 3, 4]),
        ("Default", [0]),
        ("RUNNING", [3, 4]),
        ("running", [3, 4]),
        ("6.1.0-50-amd64", [0, 1, 2]),
        ("vmlinuz-6.1.0-44-amd64", [3, 4]),
        ("/boot/vmlinuz-6.1.0-44-amd64", [3, 4]),
        ("1-3", [1, 2, 3]),
        ("0,2-3", [0, 2, 3]),
        ("0,/boot/vmlinuz-6.1.0-44-amd64", [0, 3, 4]),
        ("0,(hd0,1)/boot/vmlinuz-6.1.0-44-amd64", [0, 3, 4]),
        ("DEFAULT, 6.1.0-44-amd64", [0, 3, 4]),
        ("TITLE=Debian GNU/Linux", [0]),
        ("title=Debian GNU/Linux, with Linux 6.1.0-44-amd64", [3]),
    ],
)
def test_the_ways_of_selecting(selector: str, found: list[int]) -> None:
    assert indexes("debian-12", selector, running="6.1.0-44-amd64") == found


@pytest.mark.parametrize(
    ("selector", "hint"),
    [
        ("6.1.0-5-amd64", "6.1.0-50-amd64"),
        ("Debian GNU/Linux", "title=Debian GNU/Linux"),
        ("RUNING", "RUNNING"),
        ("0-99", "grubkd show lists the entries"),
        ("0,nothing at all", "grubkd show lists the entries"),
        ("3-1", "grubkd show lists the entries"),
        ("", "grubkd show lists the entries"),
        ("\u0663", "grubkd show lists the entries"),
        ("title=\u00e9\u6f22\u5b57", "grubkd show lists the entries"),
        ("id=\U0001f427", "grubkd show lists the entries"),
    ],
)
def test_what_matches_nothing_names_the_nearest(selector: str, hint: str) -> None:
    with pytest.raises(NoSuchEntry) as caught:
        indexes("debian-12", selector)
    assert hint in caught.value.hint


def test_the_running_kernel_is_unknown_for_another_tree() -> None:
    with pytest.raises(NoSuchEntry, match="not that of the running kernel"):
        indexes("debian-12", "RUNNING")
    with pytest.raises(NoSuchEntry, match=r"no entry boots the running kernel 6\.9"):
        indexes("debian-12", "RUNNING", running="6.9")


@pytest.mark.parametrize(
    "selector",
    [
        "title=Gr\u00f6\u00dfe",
        "title=Gro\u0308\u00dfe",
        "id=gr\u00f6\u00dfe",
        "gr\u00f6\u00dfe",
        "title=\u00e9\u6f22\u5b57",
    ],
)
def test_titles_and_ids_of_any_letters(selector: str, tmp_path: Path) -> None:
    entries = tmp_path / "boot/loader/entries"
    entries.mkdir(parents=True)
    for name, title in (("gr\u00f6\u00dfe", "Gr\u00f6\u00dfe"), ("b", "\u00e9\u6f22\u5b57")):
        (entries / f"{name}.conf").write_text(f"title {title}\nversion 6.1.0\nlinux /vmlinuz-6.1.0\noptions ro\n")
    (found,) = select(inventory.read(Root(str(tmp_path))), [from_user(selector)]).entries
    assert to_display(found.title) == ("\u00e9\u6f22\u5b57" if "\u6f22" in selector else "Gr\u00f6\u00dfe")


def test_an_id_wins_over_a_word(tmp_path: Path) -> None:
    """Of a menu with the label `default` or `all`: only in capitals the words mean what they always do."""
    menu = tmp_path / "boot/extlinux/extlinux.conf"
    menu.parent.mkdir(parents=True)
    menu.write_text(
        "DEFAULT b\nLABEL all\n LINUX /vmlinuz-6.1.0\n APPEND ro\nLABEL b\n LINUX /vmlinuz-6.2.0\n APPEND ro\n"
    )
    found = inventory.read(Root(str(tmp_path)))
    assert [entry.index for entry in select(found, ["all"]).entries] == [0]
    assert [entry.index for entry in select(found, ["ALL"]).entries] == [0, 1]
