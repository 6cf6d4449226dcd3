"""grubkd run by an ordinary user."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).parents[2]


# For a program that is started as nobody, or as the present user if that is not root.
PERSON: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": ()} if os.geteuid() == 0 else {}


def run_as(interpreter: tuple[str, Path], arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run an interpreter as that user, with the grubkd of a directory."""
    python, home = interpreter
    command = [python, "-B", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=home, **PERSON)


@cache
def _readable() -> Path:
    """A copy of grubkd that every user may read: the source tree may be below /root."""
    home = Path(tempfile.mkdtemp(prefix="grubkd-", dir="/tmp"))
    atexit.register(shutil.rmtree, home)
    shutil.copytree(TOP / "grubkd", home / "grubkd", ignore=shutil.ignore_patterns("__pycache__"))
    home.chmod(0o755)
    return home


def _works(interpreter: tuple[str, Path]) -> bool:
    """Whether that user can run it, with grubkd and what it needs."""
    try:
        return run_as(interpreter, ["-c", "import grubkd.cli, click, lark, augeas, psutil"]).returncode == 0
    except OSError:
        return False


@cache
def interpreter() -> tuple[str, Path]:
    """An interpreter, and the directory of a grubkd, that an ordinary user can run; else the test is skipped."""
    for python in (sys.executable, "/usr/bin/python3"):
        for home in (TOP, _readable()):
            if _works((python, home)):
                return python, home
    pytest.skip("no interpreter here can be run by an ordinary user")


def ordinary(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a verb answers to an ordinary user about a tree, whose parents are opened to that user."""
    for each in tree.parents[:4]:
        if str(each).startswith(tempfile.gettempdir() + "/"):
            each.chmod(0o755)
    done = run_as(interpreter(), ["-m", "grubkd", *arguments, "--root", str(tree)])
    assert "Traceback" not in done.stderr
    return done
