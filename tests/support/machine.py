"""A machine's tree in a directory, and grubkd run on it in this process."""

import json
from pathlib import Path
from typing import Any

import pytest

from grubkd.cli import main


class Machine:
    """A tree that is empty at first. Paths are absolute in the tree."""

    def __init__(self, top: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.top = top
        self._capsys = capsys

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file, with the directories above it."""
        file = self.top / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def read(self, path: str) -> str:
        return (self.top / path.lstrip("/")).read_text()

    def call(self, *argv: str) -> tuple[int, dict[str, Any]]:
        """Run grubkd on the tree; returns its exit code and its JSON answer."""
        self._capsys.readouterr()
        status = main([*argv, "--root", str(self.top), "--json"])
        return status, json.loads(self._capsys.readouterr().out)

    def run(self, *argv: str, exit: int = 0) -> dict[str, Any]:
        """Run grubkd, which must exit with that code; returns its JSON answer."""
        status, answer = self.call(*argv)
        assert status == exit, answer
        return answer

    def lines(self) -> list[str]:
        """The command line of every entry."""
        return [entry["cmdline"] for entry in self.run("show")["entries"]]

    def files(self) -> dict[str, bytes]:
        """Every file of the tree except grubkd's own records."""
        return {
            str(path.relative_to(self.top)): path.read_bytes()
            for path in sorted(self.top.rglob("*"))
            if path.is_file() and "var/lib/grubkd" not in str(path)
        }
