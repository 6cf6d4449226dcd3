"""One reading of a tree: what is parsed, which paths are read, which boot loader owns a file that is not understood."""

from pathlib import Path

import pytest
from support.strategies import MemoryTree

from grubkd.boot import inventory
from grubkd.boot.loaders import FORMATS
from grubkd.boot.loaders.format import expanded, name_matches, real_paths
from grubkd.tree.root import Root
from grubkd.tree.tree import Overlay

FIXTURES = Path(__file__).parents[2] / "fixtures"
TREES = sorted(path.parent.name for path in FIXTURES.glob("*/root"))
MENU = "title a\nkernel /v ro\n"
SNIPPET = b"title a\nlinux /v\noptions ro\n"


@pytest.mark.parametrize("name", TREES)
def test_an_earlier_reading_changes_nothing(name: str) -> None:
    tree = Root(str(FIXTURES / name / "root"))
    first = inventory.read(tree)
    again = inventory.read(tree, first)
    assert again._replace(errors=()) == inventory.read(tree)._replace(errors=()) == first._replace(errors=())
    assert [str(error) for error in again.errors] == [str(error) for error in first.errors]
    assert all(again.documents[key] is document for key, document in first.documents.items())


def test_a_changed_file_is_parsed_again() -> None:
    tree = MemoryTree({"/boot/grub/menu.lst": MENU.encode(), "/boot/extlinux.conf": b"label a\nlinux /v\nappend ro\n"})
    first = inventory.read(tree)
    changed = inventory.read(Overlay(tree, {"/boot/grub/menu.lst": b"title b\nkernel /w ro\n"}), first)
    assert [entry.title for entry in changed.entries] == ["b", "a"]
    kept = ("extlinux", "/boot/extlinux.conf")
    assert changed.documents[kept] is first.documents[kept]


def test_a_snippet_that_is_not_understood_belongs_to_the_menu_of_snippets() -> None:
    tree = MemoryTree({"/boot/loader/entries/a.conf": SNIPPET, "/boot/loader/entries/b.conf": b"linux /v\r/w\n"})
    config = inventory.read(tree)
    assert [str(error.place) for error in config.errors] == ["/boot/loader/entries/b.conf:1:9"]
    assert config.bootloaders == (("bls", ("/boot/loader/entries/a.conf", "/boot/loader/entries/b.conf")),)


def test_a_menu_that_is_not_understood_is_a_boot_loader() -> None:
    config = inventory.read(MemoryTree({"/boot/grub/menu.lst": b"nonsense\n"}))
    assert config.bootloaders == (("grub-legacy", ("/boot/grub/menu.lst",)),)


def test_every_file_of_the_fixtures_is_at_a_path_of_its_format() -> None:
    patterns = {form.name: [*form.paths, *form.read_only] for form in FORMATS}
    for name in TREES:
        tree = Root(str(FIXTURES / name / "root"))
        for form, file in inventory.read(tree).documents:
            assert file in real_paths(tree, patterns[form])


@pytest.mark.parametrize(
    ("name", "pattern", "matches"),
    [
        ("a.conf", "*.conf", True),
        (".conf", "*.conf", False),
        (".a.conf", "*.conf", False),
        ("a.conf.bak", "*.conf", False),
        ("grub.cfg", "grub.cfg", True),
        ("fedora", "*", True),
        (".hidden", "*", False),
    ],
)
def test_a_star_matches_part_of_one_name(name: str, pattern: str, matches: bool) -> None:
    assert name_matches(name, pattern) is matches


def test_a_pattern_names_the_files_of_a_tree() -> None:
    tree = MemoryTree({"/boot/efi/EFI/fedora/grub.cfg": b"", "/boot/efi/EFI/a/shim.efi": b""})
    paths = ["/boot/efi/EFI/a/grub.cfg", "/boot/efi/EFI/fedora/grub.cfg"]
    assert list(expanded(tree, "/boot/efi/EFI/*/grub.cfg")) == paths
    assert real_paths(tree, ["/boot/efi/EFI/*/grub.cfg", paths[1]]) == (paths[1],)
