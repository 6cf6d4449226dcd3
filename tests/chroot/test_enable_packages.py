"""`grubkd enable` with Debian's own apt-get, packages and update-grub: a tree without kdump becomes ready."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bookworm import TOP, Bookworm

pytestmark = pytest.mark.long

# The scripts of packages need /proc, which ends with the process.
MOUNTED = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec "$@"'


def enable(debian: Bookworm, *options: str) -> Any:
    command = [sys.executable, "-m", "grubkd", "enable", "--root", debian.path, "--ram", "4G", "--json", *options]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", MOUNTED, debian.path, *command],
        capture_output=True,
        text=True,
        cwd=TOP,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def bare(debian: Bookworm, tmp_path: Path) -> Iterator[Bookworm]:
    """A copy, since packages change more than what is restored, without the packages of kdump."""
    found = Bookworm(tmp_path / "bare")
    subprocess.run(["cp", "-a", debian.path, found.path], check=True)
    shutil.copyfile("/etc/resolv.conf", found.path / "etc/resolv.conf")
    if found.run("apt-get", "update").returncode or not found.run("apt-cache", "show", "kdump-tools").stdout:
        pytest.skip("Debian's archive cannot be reached")
    purged = found.run("apt-get", "purge", "-y", "kdump-tools", "makedumpfile", "kexec-tools")
    assert purged.returncode == 0, purged.stderr
    yield found
    shutil.rmtree(found.path)


def test_from_no_package_to_ready(bare: Bookworm) -> None:
    planned = enable(bare)
    assert [each["command"][2:] for each in planned["steps"][:2]] == [
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "kdump-tools", "makedumpfile"],
    ]
    done = enable(bare, "--run-followups", "--yes")
    assert (done["state"], {each["state"] for each in done["steps"]}) == ("ready", {"done"})
    assert bare.run("makedumpfile", "-v").returncode == 0
    bare.update_grub()
    after = enable(bare)
    assert (after["state"], after["steps"]) == ("ready", [])
