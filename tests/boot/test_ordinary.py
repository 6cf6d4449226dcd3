"""What an expression reads in front of a grammar, it reads as the grammar does; and it leaves little to it."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.boot.loaders import grub2
from grubkd.boot.loaders.grubmenu import Menu, tokens
from grubkd.boot.loaders.menuentries import LongMenu, Unordinary
from grubkd.boot.model import Document
from grubkd.errors import NotUnderstood
from grubkd.text import from_bytes

TOP = Path(__file__).parents[2]
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
