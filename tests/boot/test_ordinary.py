"""What an expression reads in front of a grammar, it reads as the grammar does; and it leaves little to it."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import laws

from grubkd.boot.loaders import bls, grub_legacy
from grubkd.boot.loaders.legacytitles import parts
from grubkd.errors import NotUnderstood
from grubkd.parsing.grammar import parse
from grubkd.text import from_bytes

TOP = Path(__file__).parents[2]
FILE = "/boot/grub/menu.lst"

LINES = (
    "title a\n",
    "title\tLinux =2 \t(6.1.0) \n",
    "title \n",
    "title=b\n",
    " title c\n",
    "\troot (hd0,0)\n",
    "root\n",
    "root \n",
    "uuid\tx=y\n",
    "savedefault\n",
    "quiet # no comment\n",
    " kernel /vmlinuz-6.1.0 ro\tquiet  \n",
    "kernel\t/v\n",
    "kernel /v \t\n",
    "kernel --type=netbsd /v x\n",
    "kernel --x /v x\n",
    "kernel=/v\n",
    "kernel /v=x =y\n",
    "kernel\n",
    'kernel /v crashkernel=64M@16M" ro\n',
    "kernel /v \v \xa0\n",
    "kernel /v ro \v\n",
    f"kernel /v {'x' * 1490}\n",
    f"kernel /v {'x' * 1490} y\n",
    "\tinitrd /i\n",
    "initrd /i j\n",
    "initrd\n",
    "module /m x\n",
    "default 1\n",
    "fallback 2\n",
    "boot\n",
    "lock \n",
    "\n",
    "  \n",
    "# comment\n",
    "# joined \\\n",
    "### BEGIN AUTOMAGIC KERNELS LIST\n",
    "### END DEBIAN AUTOMAGIC KERNELS LIST\n",
    "## ## Start Default Options ##\n",
    "## ## End Default Options ##\n",
    "# kopt=ro x\n",
    "\\\n",
    "\\\r\n",
    "\r\n",
    "\r",
    "\0",
    "nonsense\n",
)
ENTRY = "title a\nroot (hd0,0)\nkernel /v ro\ninitrd /i\n"


def both_ways(text: str) -> None:
    try:
        expected = grub_legacy._by_grammar(FILE, text)
    except NotUnderstood:
        expected = None
    assert grub_legacy._by_titles(FILE, text) == expected


def taken(text: str) -> int:
    return sum(not isinstance(part, tuple) for part in parts(text))


@cache
def menus() -> list[str]:
    paths = [*(TOP / "fixtures").rglob("menu.lst"), *(TOP / "fixtures").rglob("grub.conf")]
    paths += (TOP / "fixtures" / "invalid" / "grub-legacy").iterdir()
    return sorted({from_bytes(path.read_bytes()) for path in paths if path.is_file()})


def test_the_menus_of_the_fixtures() -> None:
    for text in menus():
        both_ways(text)
        both_ways(text + ENTRY * 3)
    assert sum(map(taken, menus())) > 10


@given(st.lists(st.sampled_from([*LINES, ENTRY, ENTRY]), max_size=14).map("".join))
def test_any_row_of_lines(text: str) -> None:
    both_ways(text)


@given(laws.texts(*LINES, ENTRY))
def test_any_text(text: str) -> None:
    both_ways(text)


@given(st.data())
def test_damaged_menus(data: st.DataObject) -> None:
    """A piece of a menu, with a part of it replaced by any characters or by a part of another menu."""
    text, other = (data.draw(st.sampled_from(menus())) for _ in range(2))
    start = text.find("title", data.draw(st.integers(0, len(text))))
    text = text[max(start, 0) :][:1500]
    cut, keep, begin = (data.draw(st.integers(0, len(each))) for each in (text, text, other))
    strange = st.text(st.characters(max_codepoint=255), max_size=4)
    middle = data.draw(st.just(other[begin : begin + data.draw(st.integers(0, 40))]) | strange)
    both_ways(text[:cut] + middle + text[keep:])


@pytest.mark.parametrize(
    ("text", "titles", "spans"),
    [
        (f"default 0\n{ENTRY * 9}", 9, [(0, 10)]),
        (f"{ENTRY}title b\nkernel /v\n\tmodule /m\n{ENTRY}", 2, [(44, 73)]),
        # Behind a line that goes on, or an entry that goes on behind what was read of it, nothing is ordinary.
        (f"# \\\n{ENTRY}{ENTRY}", 1, [(0, 48)]),
        (f"{ENTRY}fallback 1\n", 0, [(0, 55)]),
    ],
    ids=["head", "module", "joined", "more"],
)
def test_what_is_taken(text: str, titles: int, spans: list[tuple[int, int]]) -> None:
    assert taken(text) == titles
    assert [part for part in parts(text) if isinstance(part, tuple)] == spans


def test_a_long_menu_is_read_by_its_titles() -> None:
    text = ENTRY * 200
    found = grub_legacy.parse_menu(FILE, text)
    assert found == grub_legacy._by_grammar(FILE, text)
    assert len(found.stanzas) == 200
    with pytest.raises(NotUnderstood) as problem:
        grub_legacy.parse_menu(FILE, f"{text}title b\nkernel\n{ENTRY}nonsense\n")
    assert str(problem.value.place) == f"{FILE}:807:1"


SNIPPET_LINES = (
    "title Linux (6.1.0)\n",
    "linux /vmlinuz\n",
    "linux\t/v \n",
    "options ro  quiet $x\n",
    "options\n",
    "options \n",
    " options a\n",
    "initrd\t \t/i /j\r\n",
    "x y\v z\xa0\n",
    "grub_class rhel\n",
    "# comment\n",
    "#\n",
    "a#b c\n",
    "a #b\n",
    "\n",
    " \n",
    "a b",
    "\r",
    "\0",
)


def lines(pairs: list[bls._Pair]) -> list[tuple[object, ...]]:
    return [(pair.key, pair.value, pair.key_start, pair.start, pair.end) for pair in pairs]


def lines_both_ways(text: str) -> bool:
    """Whether the lines are ordinary; then the grammar must read the same."""
    found = bls._ordinary(text)
    if found is not None:
        assert lines(found) == lines([*map(bls._pair, parse("bls", text, file="f").tokens("PAIR"))])
        assert bls._grub_ends(text, found) == len(text)
    return found is not None


def test_the_snippets_of_the_fixtures() -> None:
    texts = [from_bytes(path.read_bytes()) for path in (TOP / "fixtures").rglob("*.conf") if path.is_file()]
    assert sum(map(lines_both_ways, texts)) > len(texts) / 2


@given(laws.texts(*SNIPPET_LINES, *SNIPPET_LINES[:2]))
def test_any_snippet(text: str) -> None:
    lines_both_ways(text)
