"""The Debian package of this source tree."""

import shutil
import subprocess
from pathlib import Path

from grubkd import __version__

TOP = Path(__file__).parents[2]
# Debian's own commands and interpreter, independent of the environment of the tests.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


def build(home: Path, *options: str) -> Path:
    """Build from a copy of the tree in `home`, as root does; returns the binary package; other files are beside it."""
    tree = home / "grubkd"
    shutil.copytree(
        TOP,
        tree,
        symlinks=True,
        ignore=shutil.ignore_patterns(
            ".*", "fixtures", "tests", "build", "dist", "*.egg-info", "__pycache__", "*_tables.py"
        ),
    )
    done = subprocess.run(
        ["dpkg-buildpackage", "--unsigned-source", "--unsigned-changes", *options],
        cwd=tree, env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return home / f"grubkd_{__version__}_all.deb"
