"""The driver returns what Lark's own parser returns for every text: the same tree, or an error at the same place."""

import random
import re
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark import Lark, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from grubkd.parsing import compile
from grubkd.parsing.grammar import Child, Driver, Node, Tables, Token, Unexpected
from grubkd.text import from_bytes

TOP = Path(__file__).parents[2]
GRAMMARS = sorted(path.stem for path in (TOP / "grammars").glob("*.lark"))
# For each grammar, texts that are written in it or meant to be.
FILES = {
    "grub2": "grub.cfg",
    "grub_legacy": "menu.lst grub.conf",
    "default_grub": "grub *.cfg",
    "bls": "*.conf",
    "extlinux": "*linux.cfg extlinux.conf",
    "grubenv": "grubenv",
    "kernel_cmdline": "cmdline",
    "zipl": "zipl.conf",
    "refind_linux": "refind_linux.conf",
    "name_value": "armbianEnv.txt config.txt",
    "limine": "limine.conf",
}
VALUES = [
    "crashkernel=256M",
    "1G-4G:192M,4G-64G:256M,64G-:512M@16M",
    "512M,high",
    "auto",
    "256M@",
    "1G-:",
    "1-2:3,",
    "",
]


def source(grammar: str) -> str:
    return (TOP / "grammars" / f"{grammar}.lark").read_text()


@cache
def lark(grammar: str) -> Lark:
    return compile.parser(source(grammar))


@cache
def driver(grammar: str) -> Driver:
    return Driver(compile.tables(source(grammar)))


@cache
def texts(grammar: str) -> list[str]:
    patterns = FILES.get(grammar, "").split()
    invalid = {"grub2": "grub2", "default_grub": "default-grub", "grub_legacy": "grub-legacy", "bls": "bls"}
    found = {path for pattern in patterns for path in (TOP / "fixtures").rglob(pattern)}
    found |= set((TOP / "fixtures" / "invalid" / invalid.get(grammar, grammar.replace("_", "-"))).rglob("*"))
    read = {from_bytes(path.read_bytes()) for path in found if path.is_file()}
    return sorted(read | set(VALUES))


def tree(parser: "Lark | Driver", text: str) -> Node | tuple[int, bool]:
    """The tree, or the offset of what is not in the grammar and whether a terminal matches there."""
    try:
        found = parser.parse(text)
        return found if isinstance(found, Node) else node(found)
    except Unexpected as problem:
        return problem.offset, problem.terminal
    except UnexpectedInput as problem:
        if isinstance(problem, UnexpectedToken) and problem.token.type == "$END":
            return len(text), True
        assert problem.pos_in_stream is not None
        return problem.pos_in_stream, not isinstance(problem, UnexpectedCharacters)


def by_lark(grammar: str, text: str) -> Node | tuple[int, bool]:
    return tree(lark(grammar), text)


def by_driver(grammar: str, text: str) -> Node | tuple[int, bool]:
    return tree(driver(grammar), text)


def node(tree: "Tree[object]") -> Node:
    children: list[Child] = []
    for child in tree.children:
        if isinstance(child, Tree):
            children.append(node(child))
        else:
            start = child.start_pos  # type: ignore[attr-defined]
            children.append(Token(child.type, str(child), start, start + len(str(child))))  # type: ignore[attr-defined]
    return Node(str(tree.data), tuple(children))


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_fixtures_are_read_as_lark_reads_them(grammar: str) -> None:
    found = [by_driver(grammar, text) for text in texts(grammar)]
    assert found == [by_lark(grammar, text) for text in texts(grammar)]
    assert any(isinstance(each, Node) and each.children for each in found)
    assert any(not isinstance(each, Node) for each in found) or grammar == "grub_words"


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_texts_of_other_grammars_are_refused_at_the_same_place(grammar: str) -> None:
    for other in GRAMMARS:
        for text in texts(other)[:6]:
            assert by_driver(grammar, text) == by_lark(grammar, text)


@pytest.mark.parametrize("grammar", GRAMMARS)
@given(data=st.data())
def test_damaged_texts_are_read_as_lark_reads_them(grammar: str, data: st.DataObject) -> None:
    """A short piece of a fixture, with a part of it replaced by a part of another or by any characters."""
    text = data.draw(st.sampled_from(texts(grammar)))
    start = data.draw(st.integers(0, max(0, len(text) - 300)))
    text = text[text.rfind("\n", 0, start) + 1 :][:1200]
    other = data.draw(st.sampled_from(texts(grammar)))
    cut, keep = (data.draw(st.integers(0, len(text))) for _ in range(2))
    begin = data.draw(st.integers(0, len(other)))
    strange = st.text(st.characters(max_codepoint=255), max_size=6)
    middle = data.draw(st.just(other[begin : begin + data.draw(st.integers(0, 40))]) | strange)
    text = text[:cut] + middle + text[keep:]
    assert by_driver(grammar, text) == by_lark(grammar, text)


@cache
def pieces(grammar: str) -> list[str]:
    return sorted({piece for text in texts(grammar) for piece in re.findall(r"\w+|[^\w\n]|\n", text)})


@pytest.mark.parametrize("grammar", GRAMMARS)
@given(data=st.data())
def test_any_row_of_terminals_is_read_as_lark_reads_it(grammar: str, data: st.DataObject) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from(pieces(grammar)), max_size=30)))
    assert by_driver(grammar, text) == by_lark(grammar, text)


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_the_built_module_holds_the_tables(grammar: str) -> None:
    built = ModuleType(grammar)
    exec(compile.module(source(grammar)), built.__dict__)
    assert isinstance(built.TABLES, Tables)
    assert compile.tables(source(grammar)) == built.TABLES


def test_the_tables_stay_small() -> None:
    """They are imported at each start, and shipped."""
    assert sum(len(compile.module(source(grammar))) for grammar in GRAMMARS) < 400_000


@pytest.mark.parametrize(
    "rules",
    [
        "start: A -> b | B A",
        "start: x B*\n?x: A | A B",
        "start: x+\n?x: A | B A -> b",
        "!start: _x*\n_x: _C? A B",
        "start: x*\n!x: _C | A B",
    ],
)
@pytest.mark.parametrize("text", ["a", "ab", "aab", "ba", "abba", "cab", "cc", ""])
def test_the_forms_of_rules_that_lark_has(rules: str, text: str) -> None:
    rules += "\nA: /a/\nB: /b/\n_C: /c/\n"
    assert tree(Driver(compile.tables(rules)), text) == tree(compile.parser(rules), text)


def test_a_string_that_a_pattern_matches_too_is_refused() -> None:
    with pytest.raises(ValueError):
        compile.tables('start: (A | B)+\nA: "a"\nB: /[a-z]/')


def test_a_long_text_takes_time_in_proportion() -> None:
    """Counts nodes, not seconds: thousands of statements in one rule, whose list grows in place."""
    text = "".join(f"title {number}\nkernel /vmlinuz-{random.Random(number).random()} ro\n" for number in range(20_000))
    found = driver("grub_legacy").parse(text)
    assert len(found.children) == 40_000
