"""Files of plain shell assignments, as the shell reads them."""

import subprocess
from pathlib import Path

import pytest

from grubkd.machine import settings

PLAIN = """# it's a comment; "one quote
USE_KDUMP=1

X=
export A='two
lines'   # its end
B="a # b"
C=a#b
D=a=~   # it's
E="~"
F=        # a:~
G=#h
"""
# What only a shell computes, or what is no assignment though a line looks like one.
NOT_KNOWN = {
    "tilde": "V=~/a",
    "tilde-of-a-user": "V=~root",
    "tilde-behind-a-colon": "V=a:~",
    "tilde-behind-a-continuation": "V=\\\n~",
    "continuation": "V=a\\\nb",
    "variable": "V=$HOME",
    "variable-behind-a-continuation": "V=$\\\nHOME",
    "command": "V=`echo 2`",
    "inside-quotes": "W='\nV=2\n'",
    "inside-double-quotes": 'W="a\\"\nV=2\n"',
    "continued-comment": "W=a\\\nV=2",
}


def by_shell(text: str, name: str) -> str:
    done = subprocess.run(
        ["dash", "-c", f'{text}\nprintf %s "${name}"'], capture_output=True, text=True, check=True, env={"HOME": "/hh"}
    )
    return done.stdout


@pytest.mark.parametrize("name", ["USE_KDUMP", *"ABCDEFG"])
def test_plain_values_are_those_of_the_shell(name: str) -> None:
    found = settings.variables(PLAIN)[name]
    assert found.value == by_shell(PLAIN, name)
    assert f"{name}=" in PLAIN.split("\n")[found.line - 1]


@pytest.mark.parametrize("text", NOT_KNOWN.values(), ids=NOT_KNOWN)
def test_what_only_a_shell_can_tell_is_never_wrong(text: str) -> None:
    found = settings.variables(f"V=1\n{text}\n").get("V")
    assert (found.value if found else None) in (None, by_shell(f"V=1\n{text}\n", "V"))
    assert found is None or by_shell(f"V=1\n{text}\n", "V") == "1"


def test_what_follows_a_quote_that_is_not_closed_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text('A=1\nB="2\nA=3\n')
    assert subprocess.run(["dash", "-n", file], capture_output=True, check=False).returncode == 2
    assert {name: each.value for name, each in settings.variables(file.read_text()).items()} == {"A": "1"}


@pytest.mark.parametrize("part", ["\n", "a", "'", '"', "\\", "#", '"\\', "'a' ", '"a" ', "# '", "A=1\n"])
def test_a_large_file_takes_little_time(part: str) -> None:
    assert len(settings.variables(part * 50_000)) <= 1
