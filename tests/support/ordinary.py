"""grubkd run by an ordinary user."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).parents[2]


def run_as(python: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run an interpreter as nobody, or as the present user if that is not root."""
    person: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": ()} if os.geteuid() == 0 else {}
    command = [python, "-B", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=TOP, **person)


def works(python: str) -> bool:
    """Whether that user can run an interpreter, with grubkd and what it needs."""
    try:
        return run_as(python, ["-c", "import grubkd.cli, click, lark, augeas, psutil"]).returncode == 0
    except OSError:
        return False


def ordinary(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a verb answers to an ordinary user about a tree, whose parents are opened to that user."""
    for each in tree.parents[:4]:
        if str(each).startswith(tempfile.gettempdir() + "/"):
            each.chmod(0o755)
    python = next((each for each in (sys.executable, "/usr/bin/python3") if works(each)), None)
    if python is None:
        pytest.skip("no interpreter here can be run by an ordinary user together with this directory")
    done = run_as(python, ["-m", "grubkd", *arguments, "--root", str(tree)])
    assert "Traceback" not in done.stderr
    return done
