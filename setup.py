"""The build: beside pyproject.toml, two steps of our own, for the parsers' tables and for the text of the manual."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TOP = Path(__file__).resolve().parent


class Build(build_py):
    """Adds `grubkd/grammars/NAME_tables.py` for each grammar, and `grubkd/manual/PAGE.txt` for each page.

    An editable install needs neither. Without mandoc there are no texts: `grubkd help` then shows click's help.
    """

    def run(self) -> None:
        """Build the modules, then what is made from other files."""
        super().run()
        if getattr(self, "editable_mode", False):
            return
        sys.path.insert(0, str(TOP))
        from grubkd.parsing import compile

        compile.write(Path(self.build_lib, "grubkd", "grammars"))
        mandoc = shutil.which("mandoc")
        for page in sorted((TOP / "man").glob("*.[1-9]")) if mandoc else []:
            command = [mandoc, "-T", "ascii", "-O", "width=78", str(page)]
            text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 - a list
            # Bold and underlined letters are struck twice.
            Path(self.build_lib, "grubkd", "manual", f"{page.name}.txt").write_text(re.sub(".\b", "", text), "ascii")


setup(license="LGPL-2.1-or-later", cmdclass={"build_py": Build})
