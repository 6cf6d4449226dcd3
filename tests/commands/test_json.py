"""The JSON of answers: text of any bytes, and what people type in any language."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.cli import main
from grubkd.errors import BadValue, Notice, Place
from grubkd.render.output import encode
from grubkd.text import from_bytes


class Colour(StrEnum):
    RED = "red"


@given(st.binary())
def test_no_byte_is_lost(data: bytes) -> None:
    (found,) = json.loads(json.dumps(encode((from_bytes(data),))))
    assert found.encode("utf-8", "surrogateescape") == data


def test_values_of_every_kind() -> None:
    value = {"a": (1, None, True), "b": [Colour.RED], "c": {"d": from_bytes("é".encode())}, "e": "漢"}
    assert json.loads(json.dumps(encode(value))) == {
        "a": [1, None, True], "b": ["red"], "c": {"d": "é"}, "e": "漢",
    }  # fmt: skip


def test_warnings_and_errors() -> None:
    assert encode(Notice("a-code", "what", place=Place("/a", 3))) == {
        "code": "a-code", "message": "what", "fix": None, "fix_commands": [], "file": "/a", "line": 3, "column": None,
    }  # fmt: skip
    assert encode(BadValue("what", hint="fix", column=4))["column"] == 4


def test_a_dataclass_becomes_an_object_with_its_fields() -> None:
    @dataclass(frozen=True)
    class Named:
        name: str
        parts: tuple[str, ...]

    assert encode({"a": Named("b", ("c",))}) == {"a": {"name": "b", "parts": ["c"]}}


def test_a_type_that_is_not_json_is_an_error() -> None:
    with pytest.raises(TypeError):
        json.dumps(encode({"a": object()}))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    snippet = tmp_path / "boot/loader/entries/a.conf"
    snippet.parent.mkdir(parents=True)
    snippet.write_text("title Größe 漢\nversion 6.1.0\nlinux /vmlinuz-6.1.0\noptions ro\n")
    return tmp_path


def test_a_title_of_any_language_selects(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--root", str(tree), "--kernel", "title=Größe 漢", "--json"]
    assert main(["show", *line]) == 0
    assert json.loads(capsys.readouterr().out)["entries"][0]["title"] == "Größe 漢"
    assert main(["set", "--arg", "größe=漢", *line]) == 0
    assert "+options ro größe=漢\n" in json.loads(capsys.readouterr().out)["files"][0]["diff"]
    assert main(["history", "--root", str(tree), "--json"]) == 0
    (past,) = json.loads(capsys.readouterr().out)["transactions"]
    assert (past["wanted"]["kernel"], past["wanted"]["arguments"]) == (["title=Größe 漢"], ["set größe=漢"])
    assert main(["history", "--root", str(tree)]) == 0
    assert "--arg 'größe=漢' --kernel 'title=Größe 漢' by=given\n" in capsys.readouterr().out


def test_a_usage_error_of_any_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["größe漢"]) == 2
    assert "no command 'größe漢'" in capsys.readouterr().err
