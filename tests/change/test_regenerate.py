"""--regenerate: the tree's own generator, run in the tree, its output verified and part of the transaction."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from support.shelltree import give_shell

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
        give_shell(top)
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

    def kernel(self) -> None:
        """Put the kernel of the menu on the disk."""
        self.write("/boot/vmlinuz-6.1.0-50-amd64", "kernel")

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


# $1 a directory, then a command: run it in a chroot of that directory, whose / is no mount point.
PLAIN_CHROOT = """
top=$1; shift
for each in /*; do
    if [ -L "$each" ]; then cp -P "$each" "$top"
    elif [ -d "$each" ]; then mkdir "$top$each" && mount --rbind "$each" "$top$each" || exit 125
    fi
done
mount --make-r$propagation /
exec chroot "$top" sh -c 'cd "$0" && exec "$@"' "$@"
"""


@pytest.mark.parametrize("propagation", ["private", "shared"])
def test_in_a_plain_chroot(tree: Tree, tmp_path_factory: pytest.TempPathFactory, propagation: str) -> None:
    """Its / is no mount point. What is mounted on it is not seen outside, or the command says what to do."""
    if not re.search(r"(?m)^\S+ \S+ \S+ \S+ / ", Path("/proc/self/mountinfo").read_text()):
        pytest.skip("this is a plain chroot already, in which the other tests of this file run")
    top = tmp_path_factory.mktemp("chroot")
    mounts = Path(f"{top}-mounts")
    before = tree.files()
    command = [sys.executable, "-m", "grubkd", "set", "256M", "--regenerate", "--root", str(tree.top)]
    count = 'wc --lines </proc/self/mountinfo >>"$0"'
    inside = ["sh", "-c", f'{count}; "$@"; status=$?; {count}; exit $status', mounts, *command]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", PLAIN_CHROOT, "sh", top, Path(__file__).parents[2], *inside],
        env={**os.environ, "propagation": propagation}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if propagation == "private":
        assert done.returncode == 0, done.stderr
        assert "root=/dev/vda1 ro crashkernel=256M quiet\n" in (tree.top / "boot/grub/grub.cfg").read_text()
    else:
        assert done.returncode == 1
        assert "outside this chroot run mount --bind DIRECTORY DIRECTORY" in done.stderr
        assert tree.files() == before
    assert len(set(mounts.read_text().split())) == 1


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


OTHER = SECTION.replace("10_linux", "30_os-prober")
POOR = {
    "nothing": "",
    "comments": "echo '# nothing'\n",
    "settings": "echo 'set default=0'\n",
    "chainloader": f"echo '{OTHER}'\necho 'menuentry W {{ chainloader +1; }}'\n",
    "memtest": "echo 'menuentry M { linux16 /memtest86+.bin; }'\n",
}


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("printed", POOR)
def test_a_menu_without_its_kernels_is_not_written(tree: Tree, printed: str, there: bool) -> None:
    if there:
        tree.kernel()
    tree.generator(f"#!/bin/sh\n{POOR[printed]}")
    before = tree.files()
    for more in ((), ("--dry-run",)):
        status, answer = tree.regenerate(*more)
        assert (status, answer["error"]["code"]) == (1, "command-failed")
        assert "the generated menu has no entry" in answer["error"]["message"]
        assert tree.files() == before


def test_a_kernel_that_is_there_keeps_its_entry(tree: Tree) -> None:
    menu = (tree.top / "boot/grub/grub.cfg").read_text()
    more = (
        "menuentry 'Two' { linux /boot/vmlinuz-6.2.0-1-amd64 ro; }\nmenuentry 'G' { linux /vmlinuz-5.0.0-gone ro; }\n"
    )
    tree.write("/boot/grub/grub.cfg", menu + more)
    tree.kernel()
    tree.write("/boot/vmlinuz-6.2.0-1-amd64", "kernel")
    status, answer = tree.regenerate()
    assert status == 1
    assert "no entry for 6.2.0-1-amd64, " in answer["error"]["message"]
    (tree.top / "boot/vmlinuz-6.2.0-1-amd64").unlink()
    assert tree.regenerate()[0] == 0


def test_a_menu_that_reads_no_snippets_any_more(tree: Tree) -> None:
    """Snippets are entries only while grub.cfg calls blscfg."""
    tree.write("/boot/grub/grub.cfg", "insmod blscfg\nblscfg\n")
    tree.write("/boot/loader/entries/a.conf", "title A\nversion 6.1.0-50\nlinux /vmlinuz-6.1.0-50-amd64\noptions ro\n")
    tree.generator("#!/bin/sh\necho '# blscfg'\n")
    status, answer = tree.regenerate()
    assert (status, answer["error"]["code"]) == (1, "command-failed")
    tree.generator("#!/bin/sh\necho blscfg\n")
    assert tree.regenerate()[0] == 0


@pytest.mark.parametrize("name", ["tree", "./tree/", "../here/tree", "link"])
def test_a_relative_root(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    tree = Tree(tmp_path / "here/tree", capsys)
    monkeypatch.chdir(tmp_path / "here")
    Path("link").symlink_to("tree")
    tree.top = Path(name)
    status, answer = tree.regenerate()
    assert (status, answer.get("changed")) == (0, True), answer
    assert b"crashkernel=256M" in (tmp_path / "here/tree/boot/grub/grub.cfg").read_bytes()


def sleepers(mark: str) -> list[str]:
    """The processes whose command line holds a mark."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in each.read_bytes():
                found.append(each.parent.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL], ids=lambda number: number.name
)
def test_a_signal_ends_the_generator_and_all_it_started(
    tree: Tree, tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed grubkd cannot remove the copies; a terminated one does, and the next run after a killed one."""
    mark = f"600.{os.getpid()}{number:03d}"
    shell = tree.top / "bin/sh"
    shutil.copy(shell, tree.top / "bin/nap")
    tree.generator(
        "#!/bin/sh\ntrap '' TERM INT HUP\n"
        f"/bin/nap -c 'trap \"\" TERM INT HUP; : >/started; while :; do :; done' {mark}\n: {mark}\n"
    )
    before = tree.files()
    home = tmp_path.parent / f"{tmp_path.name}-tmp"
    home.mkdir()
    # The tests may run under nohup, which ignores SIGHUP, and grubkd would leave that as it is.
    command = ["env", "--default-signal", sys.executable, "-m", "grubkd", "set", "256M", "--regenerate"]
    command += ["--root", str(tree.top)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], env={**os.environ, "TMPDIR": str(home)}) as running:
        until = time.monotonic() + 300
        while not (tree.top / "started").exists() and running.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert sleepers(mark)
        assert list(home.iterdir())
        running.send_signal(number)
        status = running.wait(300)
    until = time.monotonic() + 60
    while sleepers(mark) and time.monotonic() < until:
        time.sleep(0.05)
    assert sleepers(mark) == []
    (tree.top / "started").unlink()
    assert tree.files() == before
    if number == signal.SIGKILL:
        assert status == -signal.SIGKILL
        assert len(list(home.iterdir())) == 1
        tree.generator(MKCONFIG)
        monkeypatch.setattr(tempfile, "tempdir", str(home))
        assert tree.regenerate()[0] == 0
        assert list(home.iterdir()) == []
    else:
        assert status == 130
        assert list(home.iterdir()) == []
        assert not (tree.top / "var").exists()


def test_only_copies_that_a_killed_run_left_are_removed(
    tree: Tree, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    kept = [home / f"grubkd-{name}" for name in ("regenerate-link", "regenerate-open", "regenerate-theirs", "backup")]
    kept += [home / "regenerate-x", home / "grubkd-regenerate-used", home / "grubkd-regenerate-mounted"]
    for each in kept[1:]:
        each.mkdir(mode=0o700)
    kept[0].symlink_to("grubkd-backup")
    kept[1].chmod(0o770)
    os.chown(kept[2], 65534, 65534)
    file = home / "grubkd-regenerate-file"
    file.touch()
    left = home / "grubkd-regenerate-left"
    (left / "0/deep").mkdir(parents=True)
    left.chmod(0o700)
    (left / "0/link").symlink_to(kept[3])
    (kept[3] / "file").touch()
    fd = os.open(kept[5], os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", kept[6]], check=True)
        assert tree.regenerate()[0] == 0
    finally:
        os.close(fd)
        subprocess.run(["umount", kept[6]], check=True)
    assert sorted(home.iterdir()) == sorted([*kept, file])
    assert (kept[3] / "file").exists()
