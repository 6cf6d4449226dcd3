"""The build: beside pyproject.toml, one step of our own, which makes the parsers' tables."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TOP = Path(__file__).resolve().parent


class BuildTables(build_py):
    """Puts `grubkd/grammars/NAME_tables.py` beside each grammar of the build.

    An editable install needs none.
    """

    def run(self) -> None:
        """Build the modules, then the tables."""
        super().run()
        if getattr(self, "editable_mode", False):
            return
        sys.path.insert(0, str(TOP))
        from grubkd.parsing import compile

        for grammar in sorted((TOP / "grubkd" / "grammars").glob("*.lark")):
            target = Path(self.build_lib, "grubkd", "grammars", f"{grammar.stem}_tables.py")
            target.write_text(compile.module(grammar.read_text("utf-8")), "utf-8")


setup(license="LGPL-2.1-or-later", cmdclass={"build_py": BuildTables})
