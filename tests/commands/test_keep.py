"""`grubkd keep` and the two hooks that call it: a new kernel gets what --auto chose, and nobody's own value is lost."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.answered import answer

from grubkd.cli import main

TOP = Path(__file__).parents[2]
HOOKS = TOP / "integrations" / "kernel-install"
PLUGIN, POSTINST = HOOKS / "98-grubkd.install", HOOKS / "zzz-grubkd"
ENTRIES = "boot/loader/entries"
NEW = "7.0.9-200.fc44.x86_64"
VALUE = "2G-64G:256M,64G-:512M"


class Run(NamedTuple):
    exit: int
    out: str
    err: str


class Machine:
    """A copy of a fixture's tree, and what is done with it."""

    def __init__(self, name: str, path: Path) -> None:
        self.path = path / "root"
        shutil.copytree(TOP / "fixtures" / name / "root", self.path, symlinks=True)
        (self.path / "var/lib").mkdir(parents=True, exist_ok=True)

    def grubkd(self, *arguments: str, status: int = 0) -> Any:
        done = answer(lambda: main([*arguments, "--root", str(self.path), "--json"]))
        assert done.exit == status, done.text
        return done.json

    def auto(self) -> None:
        assert self.grubkd("set", "--auto", "--ram=8G")["changed"]

    def install(self, release: str = NEW, options: str = "root=UUID=c7d1 ro quiet") -> Path:
        """A snippet as kernel-install makes it."""
        snippet = self.path / ENTRIES / f"5f1c0a9b7d3e4c61a2b8e0d94f7c6a35-{release}.conf"
        snippet.write_text(
            f"title New ({release})\nversion {release}\nlinux /boot/vmlinuz-{release}\noptions {options}\n"
        )
        return snippet

    def files(self) -> dict[str, tuple[bytes, int]]:
        """The files of the tree, without history."""
        found = [path for path in self.path.rglob("*") if path.is_file() and "var/lib/grubkd" not in str(path)]
        return {str(path.relative_to(self.path)): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


Make = Callable[[str], Machine]


@pytest.fixture
def machine(tmp_path: Path) -> Make:
    return lambda name: Machine(name, tmp_path)


def hook(machine: Machine, script: Path, *arguments: str, path: str | None = None) -> Run:
    """Run a hook by /bin/sh as kernel packages do, with a grubkd on PATH that is the one under test."""
    commands = machine.path.parent / "bin"
    commands.mkdir(exist_ok=True)
    grubkd = commands / "grubkd"
    grubkd.write_text(f'#!/bin/sh\nexec {sys.executable} -m grubkd "$@"\n')
    grubkd.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", script, *arguments],
        env={
            "PATH": f"{commands}:/usr/bin:/bin" if path is None else path,
            "PYTHONPATH": str(TOP),
            "GRUBKD_ROOT": str(machine.path),
            "KERNEL_INSTALL_LAYOUT": "bls",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    return Run(done.returncode, done.stdout, done.stderr)


def test_the_plugin_gives_a_new_kernel_the_value(machine: Make) -> None:
    tree = machine("fedora-44-btrfs")
    tree.auto()
    snippet = tree.install()
    before = tree.files()
    done = hook(tree, PLUGIN, "add", NEW, f"/boot/token/{NEW}", f"/usr/lib/modules/{NEW}/vmlinuz")
    transaction = tree.grubkd("history")["transactions"][-1]
    assert done == Run(0, "", f"grubkd: kernel {NEW}: crashkernel={VALUE} set, transaction {transaction['id']}\n")
    name = str(snippet.relative_to(tree.path))
    changed = {path for path, found in tree.files().items() if before.get(path) != found}
    assert changed == {name}
    assert snippet.read_text() == before[name][0].decode().replace("quiet\n", f"quiet crashkernel={VALUE}\n")
    assert (transaction["command"], transaction["wanted"]) == (
        "keep",
        {"crashkernel": [VALUE], "arguments": [], "kernel": [NEW], "by": "auto"},
    )


def test_the_second_time_there_is_nothing_to_do(machine: Make) -> None:
    tree = machine("fedora-44-btrfs")
    tree.auto()
    tree.install()
    assert tree.grubkd("keep", NEW)["changed"]
    before = tree.files()
    assert tree.grubkd("keep", NEW)["reason"] == "its entry has the value"
    assert tree.files() == before


def test_what_the_hook_did_is_taken_back(machine: Make) -> None:
    tree = machine("fedora-44-btrfs")
    tree.auto()
    snippet = tree.install()
    before = snippet.read_bytes()
    tree.grubkd("keep", NEW)
    tree.grubkd("rollback")
    assert snippet.read_bytes() == before
    # The rollback is of that one kernel: what --auto chose for all is still valid.
    assert tree.grubkd("keep", NEW)["changed"]


def test_debian_s_hook(machine: Make) -> None:
    """A menu that nothing generates: GRUB legacy, whose new entry was written without the value."""
    tree = machine("fedora-11-i386")
    tree.grubkd("set", "--auto", "--ram=1G")
    menu = tree.path / "boot/grub/grub.conf"
    entry = "title New\n\troot (hd0,0)\n\tkernel /vmlinuz-2.6.30.9-1.fc11.i586 ro\n"
    menu.write_text(menu.read_text() + entry)
    before = menu.read_text()
    done = hook(tree, POSTINST, "2.6.30.9-1.fc11.i586", "/boot/vmlinuz-2.6.30.9-1.fc11.i586")
    assert (done.exit, done.out, done.err.count("\n")) == (0, "", 1)
    assert menu.read_text() == before.replace(entry, entry.replace(" ro\n", " ro crashkernel=64M@16M\n"))


def test_a_person_s_value_stays(machine: Make) -> None:
    tree = machine("fedora-44-btrfs")
    tree.auto()
    tree.install(options="root=UUID=c7d1 ro crashkernel=1G")
    before = tree.files()
    assert tree.grubkd("keep", NEW)["reason"] == "its entry has crashkernel=1G, which somebody set"
    assert tree.files() == before


def test_without_auto_there_is_nothing_to_keep(machine: Make) -> None:
    """Nothing recorded, or a value that a person gave."""
    tree = machine("fedora-44-btrfs")
    tree.install()
    before = tree.files()
    line = f"grubkd: kernel {NEW}: nothing to do: no value chosen by --auto is recorded\n"
    assert hook(tree, PLUGIN, "add", NEW) == Run(0, "", line)
    assert tree.files() == before
    assert not (tree.path / "var/lib/grubkd").exists()


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (["set", "300M"], "the last value was given, not chosen by --auto (set, "),
        (["unset"], "the last value was given, not chosen by --auto (unset, "),
        (["rollback"], "no value chosen by --auto is recorded"),
    ],
)
def test_the_last_word_counts(machine: Make, after: list[str], why: str) -> None:
    tree = machine("fedora-44-btrfs")
    tree.auto()
    tree.grubkd(*after)
    tree.install()
    before = tree.files()
    answer = tree.grubkd("keep", NEW)
    assert (answer["changed"], answer["reason"][: len(why)]) == (False, why)
    assert tree.files() == before


@pytest.mark.parametrize(
    "after", [["set", "300M", "--kernel=1"], ["unset", "--kernel=DEFAULT"], ["set", "--arg=quiet=1"], ["rollback"]]
)
def test_what_was_said_of_something_else_does_not_count(machine: Make, after: list[str]) -> None:
    """Single entries, other arguments, and, with the last, a rollback that was itself taken back."""
    tree = machine("fedora-44-btrfs")
    tree.auto()
    tree.grubkd(*after)
    if after == ["rollback"]:
        tree.grubkd("rollback", tree.grubkd("history")["transactions"][-1]["id"])
    tree.install()
    assert tree.grubkd("keep", NEW)["values"] == [VALUE]
    values = {entry["version"]: entry["crashkernel"] for entry in tree.grubkd("show")["entries"]}
    assert values[NEW] == [VALUE]


def test_the_choice_for_one_entry_is_none_for_all(machine: Make) -> None:
    tree = machine("fedora-44-btrfs")
    assert tree.grubkd("set", "--auto", "--ram=8G", "--kernel=DEFAULT")["changed"]
    tree.install()
    assert tree.grubkd("keep", NEW)["reason"] == "no value chosen by --auto is recorded"


def test_what_the_same_choice_gave_to_another_kernel_is_nobody_s_own(machine: Make) -> None:
    """Where each entry has its own line, --auto gives each kernel the value that it can read."""
    tree = machine("fedora-11-i386")
    menu = tree.path / "boot/grub/grub.conf"
    menu.write_text(menu.read_text() + "title Newer\n\tkernel /vmlinuz-2.6.35-1.fc14.i686 ro\n")
    tree.grubkd("set", "--auto", "--ram=4G")
    wanted = tree.grubkd("history")["transactions"][-1]["wanted"]
    assert (wanted["crashkernel"], wanted["beside"]) == (["256M@32M"], ["2G-64G:256M,64G-:512M", "64M@16M"])
    menu.write_text(
        menu.read_text() + "title New\n\tkernel /vmlinuz-2.6.36-1.fc14.i686 ro crashkernel=2G-64G:256M,64G-:512M\n"
    )
    before = tree.files()
    assert tree.grubkd("keep", "2.6.36-1.fc14.i686")["reason"] == "its entry has the value"
    assert tree.files() == before


def test_a_value_that_was_taken_away_by_hand_does_not_come_back(machine: Make) -> None:
    tree = machine("fedora-44-btrfs")
    tree.auto()
    for path in (*(tree.path / ENTRIES).iterdir(), tree.path / "etc/kernel/cmdline", tree.path / "etc/default/grub"):
        path.write_text(path.read_text().replace(f" crashkernel={VALUE}", ""))
    tree.install()
    before = tree.files()
    assert tree.grubkd("keep", NEW)["reason"] == "no other kernel has the value any more: somebody removed it"
    assert tree.files() == before


def test_a_generated_entry_is_its_generator_s(machine: Make) -> None:
    """Debian's recovery entries have no value where kdump-tools' own variable holds it, and get none."""
    tree = machine("debian-12")
    variable = tree.path / "etc/default/grub.d/kdump-tools.cfg"
    variable.write_text(variable.read_text().replace("384M-:128M", "384M-:100M"))
    assert tree.grubkd("set", "--auto", "--ram=8G")["changed"]
    before = tree.files()
    release = tree.grubkd("show")["entries"][0]["version"]
    assert tree.grubkd("keep", release)["reason"] == "its entry has the value"
    assert tree.files() == before


def test_kernelopts_reach_the_new_kernel_by_themselves(machine: Make) -> None:
    tree = machine("rhel-8")
    tree.auto()
    tree.install("4.18.0-600.el8_10.x86_64", "$kernelopts $tuned_params")
    before = tree.files()
    assert tree.grubkd("keep", "4.18.0-600.el8_10.x86_64")["reason"] == "its entry has the value"
    assert tree.files() == before


def test_a_kernel_that_has_no_entry(machine: Make) -> None:
    tree = machine("fedora-44-btrfs")
    tree.auto()
    assert tree.grubkd("keep", "1.2.3")["reason"] == "no entry starts it"


def test_what_would_reserve_nothing_is_not_written(machine: Make) -> None:
    """Kernels of 2.6.31 and later lie where those of 2.6.29 are asked to keep memory free."""
    tree = machine("fedora-11-i386")
    tree.grubkd("set", "--auto", "--ram=1G")
    menu = tree.path / "boot/grub/grub.conf"
    menu.write_text(menu.read_text() + "title New\n\tkernel /vmlinuz-2.6.35-1.fc14.i686 ro\n")
    before = tree.files()
    assert tree.grubkd("keep", "2.6.35-1.fc14.i686", status=4)["error"]["code"] == "would-not-reserve"
    assert tree.files() == before


def test_a_broken_menu_is_left_alone_and_the_kernel_is_installed(machine: Make) -> None:
    tree = machine("fedora-44-btrfs")
    tree.auto()
    tree.install()
    grub = tree.path / "etc/default/grub"
    grub.write_text(")\n")
    before = tree.files()
    done = hook(tree, PLUGIN, "add", NEW)
    assert (done.exit, done.out, done.err.count("\n")) == (0, "", 1)
    assert done.err.startswith(f"grubkd: error: kernel {NEW}: /etc/default/grub:1:")
    assert tree.files() == before
    assert tree.grubkd("keep", NEW, status=3)["error"]["file"] == "/etc/default/grub"


def test_a_damaged_history_is_not_guessed_at(machine: Make) -> None:
    tree = machine("fedora-44-btrfs")
    tree.auto()
    tree.install()
    (journal,) = (tree.path / "var/lib/grubkd/transactions").iterdir()
    later = journal.with_name("99991231-235959-000000.done")
    later.write_bytes(journal.read_bytes()[:-9])
    before = tree.files()
    assert tree.grubkd("keep", NEW)["reason"] == "the history cannot be read whole: see grubkd history"
    assert tree.files() == before


def test_a_dry_run(machine: Make) -> None:
    tree = machine("fedora-44-btrfs")
    tree.auto()
    tree.install()
    before = tree.files()
    answer = tree.grubkd("keep", NEW, "--dry-run")
    assert (answer["changed"], answer["dry_run"], answer["transaction"]) == (True, True, None)
    assert tree.files() == before


@pytest.mark.parametrize("arguments", [("remove", NEW), ("inspect", NEW), ()])
def test_the_plugin_minds_only_added_kernels(machine: Make, arguments: tuple[str, ...]) -> None:
    tree = machine("fedora-44-btrfs")
    tree.auto()
    tree.install()
    before = tree.files()
    assert hook(tree, PLUGIN, *arguments) == Run(0, "", "")
    assert tree.files() == before


@pytest.mark.parametrize(
    ("script", "arguments"), [(PLUGIN, ("add", NEW)), (POSTINST, (NEW,))], ids=["plugin", "debian"]
)
def test_without_grubkd_the_hooks_are_silent(machine: Make, script: Path, arguments: tuple[str, ...]) -> None:
    assert hook(machine("fedora-44-btrfs"), script, *arguments, path="/nonexistent") == Run(0, "", "")


@pytest.mark.parametrize("script", [PLUGIN, POSTINST], ids=lambda path: path.name)
def test_the_hooks_can_be_run(script: Path) -> None:
    assert os.access(script, os.X_OK)
    # run-parts takes no name with a dot in it; kernel-install only those that end so.
    assert script.suffix == (".install" if script is PLUGIN else "")
    subprocess.run(["shellcheck", script], check=True)
