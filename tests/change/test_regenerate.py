"""--regenerate: the tree's own generator, run in the tree, its output verified and part of the transaction."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from grubkd.cli import main

SECTION = "### BEGIN /etc/grub.d/10_linux ###"
MKCONFIG = f"""#!/bin/sh
# Prints a menu of one kernel, as grub-mkconfig does without -o.
. /etc/default/grub
echo 'set default="0"'
echo '{SECTION}'
echo "menuentry 'Linux' {{"
echo "	linux /vmlinuz-6.1.0-50-amd64 root=/dev/vda1 ro $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"
echo '}}'
echo '### END /etc/grub.d/10_linux ###'
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace and chroot need root")


class Tree:
    """A system with a shell of its own, so that its generator runs inside it."""

    def __init__(self, top: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.top = top
        self._capsys = capsys
        shell = Path("/bin/sh").resolve()
        listed = subprocess.run(["ldd", shell], capture_output=True, text=True, check=True).stdout
        for file in [shell, *map(Path, re.findall(r"(/\S+) \(", listed))]:
            target = top / str(file).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        (top / "bin").mkdir(exist_ok=True)
        if not (top / "bin/sh").exists():
            shutil.copy(shell, top / "bin/sh")
        self.write("/etc/default/grub", 'GRUB_CMDLINE_LINUX=""\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
        self.write(
            "/boot/grub/grub.cfg", f"# old\n{SECTION}\nmenuentry 'Old' {{ linux /vmlinuz-6.1.0-50-amd64 ro; }}\n"
        )
        self.generator(MKCONFIG)

    def write(self, path: str, text: str) -> None:
        file = self.top / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def generator(self, script: str) -> None:
        self.write("/usr/sbin/grub-mkconfig", script)
        (self.top / "usr/sbin/grub-mkconfig").chmod(0o755)

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.top)): path.read_bytes()
            for path in sorted(self.top.rglob("*"))
            if path.is_file() and "var/lib/grubkd" not in str(path)
        }

    def run(self, *argv: str) -> tuple[int, dict[str, Any]]:
        self._capsys.readouterr()
        status = main([*argv, "--root", str(self.top), "--json"])
        return status, json.loads(self._capsys.readouterr().out)

    def regenerate(self, *argv: str) -> tuple[int, dict[str, Any]]:
        return self.run("set", "256M", "--regenerate", *argv)


@pytest.fixture
def tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tree:
    return Tree(tmp_path, capsys)


def test_what_the_generator_prints_is_the_new_menu(tree: Tree) -> None:
    before = tree.files()
    status, answer = tree.regenerate()
    assert (status, answer["changed"]) == (0, True)
    assert [file["path"] for file in answer["files"]] == ["/boot/grub/grub.cfg", "/etc/default/grub"]
    made = (tree.top / "boot/grub/grub.cfg").read_text()
    assert "root=/dev/vda1 ro crashkernel=256M quiet\n" in made
    assert "Old" not in made
    assert tree.regenerate()[1]["changed"] is False
    assert tree.run("rollback")[0] == 0
    assert tree.files() == before


def test_a_generator_that_fails_leaves_nothing(tree: Tree) -> None:
    tree.generator("#!/bin/sh\necho broken\necho 'no space' >&2\nexit 3\n")
    before = tree.files()
    status, answer = tree.regenerate()
    assert (status, answer["error"]["code"]) == (1, "command-failed")
    assert "exit status 3: no space" in answer["error"]["message"]
    assert tree.files() == before


def test_a_menu_that_is_not_understood_is_not_written(tree: Tree) -> None:
    tree.generator("#!/bin/sh\necho 'menuentry {{{ \"'\n")
    before = tree.files()
    status, answer = tree.regenerate()
    assert (status, answer["error"]["code"], answer["error"]["file"]) == (3, "not-understood", "/boot/grub/grub.cfg")
    assert tree.files() == before


def test_a_dry_run_shows_what_would_be_printed(tree: Tree) -> None:
    before = tree.files()
    status, answer = tree.regenerate("--dry-run")
    assert status == 0
    assert "+\tlinux /vmlinuz-6.1.0-50-amd64 root=/dev/vda1 ro crashkernel=256M quiet\n" in answer["files"][0]["diff"]
    assert tree.files() == before


def test_what_the_generator_writes_besides_is_part_of_the_transaction(tree: Tree) -> None:
    """Fedora's generator writes grubenv and snippets."""
    snippet = "title S\\nversion 6.1.0-50\\nlinux /vmlinuz-6.1.0-50-amd64\\noptions ro\\n"
    tree.write("/boot/loader/entries/old.conf", snippet.replace("\\n", "\n"))
    tree.generator(MKCONFIG + f"printf '{snippet}' > /boot/loader/entries/new.conf\necho blscfg\n")
    before = tree.files()
    status, answer = tree.regenerate()
    assert status == 0, answer
    assert "/boot/loader/entries/new.conf" in [file["path"] for file in answer["files"]]
    assert (tree.top / "boot/loader/entries/new.conf").read_text().endswith("options ro crashkernel=256M\n")
    assert tree.run("rollback")[0] == 0
    assert tree.files() == before


def test_entries_of_no_source_are_edited_in_what_was_printed(tree: Tree) -> None:
    tree.generator(MKCONFIG + "echo 'menuentry Own { linux /vmlinuz-own-6.9.0 ro; }'\n")
    assert tree.regenerate()[0] == 0
    assert "linux /vmlinuz-own-6.9.0 ro crashkernel=256M;" in (tree.top / "boot/grub/grub.cfg").read_text()


def test_a_tree_without_a_generator_is_refused(tree: Tree) -> None:
    (tree.top / "usr/sbin/grub-mkconfig").unlink()
    status, answer = tree.regenerate()
    assert (status, answer["error"]["code"]) == (4, "refused")


def test_one_entry_alone_cannot_be_regenerated(tree: Tree) -> None:
    assert tree.regenerate("--kernel", "0")[0] == 2
