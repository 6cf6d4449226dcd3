"""Add the archive of Python's modules to the program of the single file: assemble.py PROGRAM LICENCES DIRECTORY...

The directories hold packages: grubkd as its build makes it, and its libraries. The archive has grubkd, and compiled,
all that its modules import, of the directories and of Python's own. Equal input gives equal bytes.
"""

from __future__ import annotations

import sys
import sysconfig
from io import SEEK_END
from modulefinder import ModuleFinder
from pathlib import Path
from py_compile import PycInvalidationMode, compile
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

# What Python imports by a name that is made when it runs.
ENCODINGS = ("aliases", "ascii", "cp437", "latin_1", "utf_8", "utf_16")
# What modules mention, and no verb of grubkd uses.
UNUSED = ("asyncio", "distutils", "doctest", "lib2to3", "multiprocessing", "pdb", "pydoc", "test", "unittest", "xmlrpc")
# The time of every member, the first that a zip archive can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)


def names(package: Path) -> Iterator[str]:
    """The modules of a package."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(directories: list[str]) -> dict[str, Path]:
    """Path in the archive, without suffix -> source, for each module that grubkd may import."""
    finder = ModuleFinder([*directories, sysconfig.get_path("stdlib")], excludes=UNUSED)
    package = next(Path(each, "grubkd") for each in directories if Path(each, "grubkd").is_dir())
    for name in [*names(package), "augeas", "psutil", *(f"encodings.{each}" for each in ENCODINGS)]:
        finder.import_hook(name, fromlist=["*"] if "." not in name else None)
    found = {}
    for name, module in finder.modules.items():
        file = getattr(module, "__file__", None)
        if file and file.endswith(".py"):
            source = Path(file)
            found[name.replace(".", "/") + ("/__init__" if source.stem == "__init__" else "")] = source
    return found


def main(program: Path, licences: Path, directories: list[str]) -> None:
    """Write the archive behind the program."""
    with program.open("r+b") as file:
        file.seek(0, SEEK_END)
        members = {}
        with TemporaryDirectory() as scratch:
            compiled = Path(scratch, "module")
            for name, source in modules(directories).items():
                compile(str(source), str(compiled), f"{name}.py", True, 0, PycInvalidationMode.UNCHECKED_HASH)
                members[f"{name}.pyc"] = compiled.read_bytes()
        for directory in directories:
            for path in Path(directory, "grubkd").rglob("*"):
                if path.is_file() and path.suffix not in (".py", ".pyc"):
                    members[str(path.relative_to(directory))] = path.read_bytes()
        members["grubkd/LICENSES"] = licences.read_bytes()
        with ZipFile(file, "w") as archive:
            for name in sorted(members):
                archive.writestr(ZipInfo(name, EPOCH), members[name], ZIP_DEFLATED, 9)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
