"""What an expression reads in front of a grammar, it reads as the grammar does; and it leaves little to it."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import laws

from grubkd.boot.loaders import bls, grub2, grub_legacy
from grubkd.boot.loaders.grubmenu import Menu, tokens
from grubkd.boot.loaders.legacytitles import parts
from grubkd.boot.loaders.menuentries import LongMenu, Unordinary
from grubkd.boot.model import Document
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


SCRIPT = "/boot/grub/grub.cfg"
MENUENTRY = """menuentry 'Linux 6.1.0' --class os $menuentry_id_option 'id-6.1.0' {
\tload_video
\tif [ x$grub_platform = xxen ]; then insmod xzio; fi
\tset root='hd0,msdos1'
\techo\t'Loading Linux 6.1.0 ...'
\tlinux\t/vmlinuz-6.1.0 ro  quiet $vt_handoff
\techo\t'Loading initial ramdisk ...'
\tinitrd\t/initrd.img-6.1.0
}
"""
SUBMENU = f"submenu 'More' $menuentry_id_option 'more' {{\n{MENUENTRY.replace(chr(10), chr(10) + chr(9))}\n}}\n"
STATEMENTS = (
    "set default=0\n",
    "set linux=linux16\n",
    "set vt_handoff=x\n",
    "${linux} /v ro\n",
    "\t$linux /w ro\n",
    "\tlinux /v ro\n",
    "\tlinux\t/v \n",
    "\tlinux /v $x $ro y$z\n",
    "\tlinux /v ro #comment\n",
    '\tlinux /v "a b"\n',
    "\tlinux /v a\\\n",
    "\tlinux /v [[ x\n",
    "\tlinux\n",
    "\tlinux16 --x /v ro\n",
    "\tinitrd /i /j\n",
    "\tinitrd --x /i\n",
    "\tinitrd\n",
    "\tmodule2 /m x\n",
    "\tmultiboot2 /boot/xen.gz placeholder\n",
    "\techo 'it is # {so}'\n",
    "\techo it\n",
    "\tsearch --no-floppy --set=root --fs-uuid x\n",
    "\tset kernelopts='ro x'\n",
    "\tblscfg\n",
    "\tif true; then\n",
    "\telse\n",
    "\tfi\n",
    "\tfor a in b c; do echo; done\n",
    "\tfunction f {\n",
    "menuentry 'a' {\n",
    "\tmenuentry 'a?' --unrestricted --id 'x' {\n",
    'menuentry "a" {\n',
    "menuentry 'a'{\n",
    "menuentry 'a' --class os --hotkey x {\n",
    "submenu 'b' {\n",
    "}\n",
    "\t}\n",
    "} \n",
    "\n",
    "\t# comment\n",
    "#\t",
    "### BEGIN /etc/grub.d/10_linux ###\n",
    "### END /etc/grub.d/10_linux ###\n",
    "echo \\\n",
    "\t\\\n",
    "'",
    ";",
    "\r\n",
    "\0",
)


def script_by_grammar(text: str) -> Document:
    return grub2._Reading(SCRIPT, text, Menu(SCRIPT, text, tokens(SCRIPT, text))).document()


def script_both_ways(text: str) -> bool:
    """Whether it was read without the grammar for the whole; then both must have found the same, or it be at fault."""
    try:
        expected = script_by_grammar(text)
    except NotUnderstood as problem:
        expected = str(problem)
    try:
        menu = LongMenu(SCRIPT, text)
    except (NotUnderstood, Unordinary):
        return False
    try:
        found = grub2._Reading(SCRIPT, text, menu).document()
    except NotUnderstood as problem:
        found = str(problem)
    assert found == expected
    return True


@cache
def scripts() -> list[str]:
    paths = [*(TOP / "fixtures").rglob("grub.cfg"), *(TOP / "fixtures" / "invalid" / "grub2").iterdir()]
    return sorted({from_bytes(path.read_bytes()) for path in paths if path.is_file()})


class Counting(LongMenu):
    """How many entries it takes for ordinary."""

    def _rest(self, text: str) -> str:
        rest = super()._rest(text)
        self.taken = len(self._ordinary)
        return rest


def test_the_scripts_of_the_fixtures() -> None:
    for text in scripts():
        script_both_ways(text)
    for tree, ordinary in (("debian-12", 9), ("ubuntu-24.04", 5), ("debian-12-plain", 3)):
        text = (TOP / "fixtures" / tree / "root/boot/grub/grub.cfg").read_text()
        assert script_both_ways(text)
        assert Counting(SCRIPT, text).taken == ordinary


@given(st.lists(st.sampled_from([*STATEMENTS, *[MENUENTRY, SUBMENU] * 4]), max_size=10).map("".join))
def test_any_row_of_statements(text: str) -> None:
    script_both_ways(text)


INSIDE = [each for each in STATEMENTS if each[0] == "\t" and "{" not in each and "}" not in each]


@given(st.lists(st.lists(st.sampled_from(INSIDE), max_size=5).map("".join), min_size=1, max_size=4))
def test_any_entries(bodies: list[str]) -> None:
    """Entries with the same few lines, so that those read once come again."""
    script_both_ways("".join(f"menuentry 'a' {{\n{body}\tlinux /v ro\n{body}}}\n{MENUENTRY}" for body in bodies))


@given(st.data())
def test_damaged_scripts(data: st.DataObject) -> None:
    text, other = (data.draw(st.sampled_from(scripts())) for _ in range(2))
    start = text.rfind("menuentry", 0, data.draw(st.integers(0, len(text))))
    text = text[max(start, 0) :][:3000]
    cut, keep, begin = (data.draw(st.integers(0, len(each))) for each in (text, text, other))
    strange = st.text(st.characters(max_codepoint=255), max_size=4)
    middle = data.draw(st.just(other[begin : begin + data.draw(st.integers(0, 40))]) | strange)
    script_both_ways(text[:cut] + middle + text[keep:])


def test_a_long_script_is_read_by_its_entries() -> None:
    text = f"set default=0\n{MENUENTRY * 50}{SUBMENU * 20}\nmenuentry 'b' {{\n\tchainloader +1\n}}\n"
    assert Counting(SCRIPT, text).taken == 70
    found = grub2.parse(SCRIPT, text)
    assert found == script_by_grammar(text)
    assert len(found.stanzas) == 71
    with pytest.raises(NotUnderstood) as problem:
        grub2.parse(SCRIPT, f"{text}menuentry 'b' {{\n{MENUENTRY}")
    assert str(problem.value.place) == f"{SCRIPT}:{text.count(chr(10)) + 11}:1"


@pytest.mark.parametrize(
    "text",
    [
        f"echo '\n{MENUENTRY}'\n",  # within a text
        f"#\t{MENUENTRY}",  # within a comment
        f"echo \\\n{MENUENTRY}",  # behind a line that goes on
        MENUENTRY.replace("load_video", "function f { true\n\t}"),  # not inside an entry
        MENUENTRY.replace("load_video", "if true; then"),  # not closed
        MENUENTRY.replace("load_video", "function f"),
    ],
)
def test_what_only_looks_like_an_entry_is_none(text: str) -> None:
    assert not script_both_ways(text + MENUENTRY) or Counting(SCRIPT, text).taken == 0


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
