"""rollback on a machine that moved on: the arguments come back, and what others changed stays."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from grubkd.cli import main

FIXTURES = Path(__file__).parents[2] / "fixtures"
GRUB_CFG = "boot/grub/grub.cfg"
NEW = "6.1.0-60-amd64"


class Machine:
    """A copy of a fixture's tree, and the commands on it."""

    def __init__(self, top: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        shutil.copytree(FIXTURES / name / "root", top, symlinks=True)
        self.top = top
        self._capsys = capsys

    def run(self, *argv: str, exit: int = 0) -> dict[str, Any]:
        self._capsys.readouterr()
        status = main([*argv, "--root", str(self.top), "--json"])
        out = self._capsys.readouterr()
        assert status == exit, out
        found: dict[str, Any] = json.loads(out.out)
        return found

    def text(self, path: str) -> str:
        return (self.top / path).read_text()

    def edit(self, path: str, old: str, new: str) -> None:
        text = self.text(path)
        assert old in text
        (self.top / path).write_text(text.replace(old, new))

    def texts(self) -> dict[str, bytes]:
        files = (each for each in self.top.rglob("*") if each.is_file() and not each.is_symlink())
        found = {str(each.relative_to(self.top)): each.read_bytes() for each in files}
        return {path: data for path, data in found.items() if not path.startswith("var/")}

    def arguments(self) -> dict[str, str]:
        """The kernel command line of each entry of this system, and of the new kernels."""
        shown = self.run("show")
        lines = {each["title"]: each["cmdline"] for each in shown["entries"] if each["linux"] and not each["foreign"]}
        return lines | {f"{each['variable']} {each['file']}": str(each["crashkernel"]) for each in shown["future"]}

    def rollback(self, *argv: str, exit: int = 0) -> dict[str, Any]:
        """A rollback, after a dry run that announces the same."""
        before = self.texts()
        tried = self.run("rollback", *argv, "--dry-run", exit=exit)
        assert self.texts() == before
        done = self.run("rollback", *argv, exit=exit)
        if exit == 0:
            assert tried["files"] == done["files"]
            assert tried["warnings"] == done["warnings"]
        return done


def codes(done: dict[str, Any]) -> list[str]:
    return [each["code"] for each in done["warnings"]]


@pytest.fixture
def debian(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    return Machine(tmp_path / "tree", "debian-12", capsys)


@pytest.fixture
def rhel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    return Machine(tmp_path / "tree", "rhel-9", capsys)


def with_new_kernel(grub_cfg: str) -> str:
    """The menu as update-grub makes it after a kernel was installed."""
    first, rest = grub_cfg.split("submenu ", 1)
    block = re.search(r"\tmenuentry '[^\n]*with Linux 6.1.0-50-amd64' .*?(?=\tmenuentry '[^\n]*6.1.0-44)", rest, re.S)
    assert block
    entries = block[0].replace("6.1.0-50-amd64", NEW)
    return first.replace("6.1.0-50-amd64", NEW) + "submenu " + rest.replace(block[0], entries + block[0])


def test_a_kernel_installed_since(debian: Machine) -> None:
    before = debian.texts()
    debian.run("set", "512M")
    (debian.top / f"boot/vmlinuz-{NEW}").write_bytes(b"kernel")
    made = with_new_kernel(debian.text(GRUB_CFG))
    (debian.top / GRUB_CFG).write_text(made)
    done = debian.rollback()
    assert codes(done) == ["by-argument", "not-undone"]  # the simple entry for the earlier kernel
    expected = with_new_kernel(before[GRUB_CFG].decode())
    assert debian.text(GRUB_CFG) == expected
    after = debian.texts()
    assert {path for path in after if after[path] != before.get(path)} == {GRUB_CFG, f"boot/vmlinuz-{NEW}"}
    # The rollback can be rolled back, byte for byte, for its files are as it left them.
    assert codes(debian.rollback(done["transaction"])) == []
    assert debian.text(GRUB_CFG) == made


def test_a_snippet_installed_since(rhel: Machine) -> None:
    """No file of the change is different; the new kernel's own one got the value from /etc/kernel/cmdline."""
    before = rhel.texts()
    rhel.run("set", "512M")
    old = next((rhel.top / "boot/loader/entries").glob("*503*"))
    new = old.with_name(old.name.replace("503.11.1", "570.12.1"))
    new.write_text(old.read_text().replace("503.11.1", "570.12.1"))
    assert "crashkernel=512M" in new.read_text()
    rhel.rollback()
    after = rhel.texts()
    assert {path for path in after if after[path] != before.get(path)} == {str(new.relative_to(rhel.top))}
    assert new.read_text() == before[str(old.relative_to(rhel.top))].decode().replace("503.11.1", "570.12.1")


def test_a_kernel_removed_since(rhel: Machine) -> None:
    before = rhel.texts()
    rhel.run("set", "512M")
    gone = next((rhel.top / "boot/loader/entries").glob("*427*"))
    gone.unlink()
    done = rhel.rollback()
    assert codes(done) == ["by-argument", "not-undone"]
    assert "427.13.1" in done["warnings"][1]["message"]
    assert rhel.texts() == {path: data for path, data in before.items() if path != str(gone.relative_to(rhel.top))}


def test_a_kernel_of_a_menu_removed_since(debian: Machine) -> None:
    debian.run("set", "512M")
    text = debian.text(GRUB_CFG)
    entry = re.search(r"\tmenuentry '[^\n]*with Linux 6.1.0-44-amd64' .*?\n\t}\n", text, re.S)
    assert entry
    debian.edit(GRUB_CFG, entry[0], "")
    (debian.top / "boot/vmlinuz-6.1.0-44-amd64").unlink()
    done = debian.rollback()
    assert codes(done) == ["by-argument", "not-undone"]
    assert "512M" not in debian.text(GRUB_CFG)
    assert debian.text(GRUB_CFG).count("crashkernel=384M-:128M") == 2


def test_update_grub_run_since(debian: Machine) -> None:
    before = debian.texts()
    debian.run("set", "512M")
    for old, new in (("set timeout=5", "set timeout=9"), ("menuentry 'Debian GNU/Linux'", "menuentry 'Debian 12'")):
        debian.edit(GRUB_CFG, old, new)
    done = debian.rollback()
    assert codes(done) == ["by-argument"]
    expected = before[GRUB_CFG].decode().replace("set timeout=5", "set timeout=9")
    assert debian.text(GRUB_CFG) == expected.replace("menuentry 'Debian GNU/Linux'", "menuentry 'Debian 12'")
    assert {**debian.texts(), GRUB_CFG: before[GRUB_CFG]} == before


def test_a_person_edited_the_file_since(debian: Machine) -> None:
    before = debian.texts()
    debian.run("set", "512M", "--arg", "nosmt", "--remove-arg", "quiet")
    debian.edit(GRUB_CFG, "crashkernel=512M", "crashkernel=600M mitigations=auto")
    done = debian.rollback()
    assert codes(done) == ["by-argument", *["changed-since"] * 3]
    assert "crashkernel=600M is replaced by crashkernel=384M-:128M" in done["warnings"][1]["message"]
    want, have = before[GRUB_CFG].decode(), debian.text(GRUB_CFG)
    assert sorted(have.split()) == sorted(want.replace("384M-:128M", "384M-:128M mitigations=auto").split())
    assert "quiet crashkernel=384M-:128M mitigations=auto" in have
    assert {**debian.texts(), GRUB_CFG: before[GRUB_CFG]} == before


def test_a_later_set_of_another_argument(debian: Machine) -> None:
    first = debian.run("set", "512M")["transaction"]
    debian.run("set", "--arg", "nosmt")
    done = debian.rollback(first)
    assert codes(done) == ["by-argument"]
    lines = debian.arguments()
    assert not [line for line in lines.values() if "512M" in line]
    assert "nosmt" in lines["Debian GNU/Linux"].split()
    assert "crashkernel=384M-:128M" in lines["Debian GNU/Linux"].split()


def test_a_later_set_of_the_same_argument(rhel: Machine) -> None:
    before = rhel.arguments()
    first = rhel.run("set", "512M")["transaction"]
    rhel.run("set", "1G")
    done = rhel.rollback(first)
    assert "changed-since" in codes(done)
    assert rhel.arguments() == before


def test_a_created_file_that_was_edited_since(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(tmp_path / "tree", "centos-stream-10-no-cmdline", capsys)
    machine.run("set", "512M")
    created = machine.top / "etc/kernel/cmdline"
    machine.edit("etc/kernel/cmdline", "crashkernel=512M", "crashkernel=512M nosmt")
    machine.rollback()
    assert "root=" in created.read_text()
    assert "nosmt" in created.read_text()
    assert "crashkernel" not in created.read_text()


@pytest.mark.parametrize(
    "name", ["rhel-6", "debian-6-legacy-xen", "ubuntu-24.04", "fedora-16", "sles-11-s390x", "rhel-8"]
)
def test_every_layout_gets_its_arguments_back(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a comment added to every file since, which is no configuration."""
    machine = Machine(tmp_path / "tree", name, capsys)
    before, texts = machine.arguments(), machine.texts()
    done = machine.run("set", "333M", "--arg", "nosmt")
    files = [each["path"][1:] for each in done["files"] if not each["path"].endswith(("grubenv", "/cmdline"))]
    assert files
    for path in files:
        (machine.top / path).write_bytes((machine.top / path).read_bytes().rstrip(b"\n") + b"\n# a note\n")
    machine.rollback()
    assert machine.arguments() == before
    after = machine.texts()
    for path in files:
        # The line that the change added to a section of zipl.conf stays, without arguments.
        data = after.pop(path).removesuffix(b"# a note\n").replace(b"\tparameters=\n", b"")
        assert data.rstrip() == texts.pop(path).rstrip()
    assert after == texts


def test_exact_and_force_is_the_old_way(debian: Machine) -> None:
    before = debian.texts()
    debian.run("set", "512M")
    debian.edit(GRUB_CFG, "set timeout=5", "set timeout=9")
    assert debian.rollback("--exact", exit=4)["error"]["file"] == f"/{GRUB_CFG}"
    debian.rollback("--exact", "--force")
    assert debian.texts() == before


def test_no_menu_comes_back_whose_kernel_is_gone(debian: Machine) -> None:
    debian.run("set", "512M")
    text = with_new_kernel(debian.text(GRUB_CFG))
    (debian.top / GRUB_CFG).write_text(re.sub(r"\tmenuentry '[^\n]*6.1.0-44-amd64.*?\n\t}\n", "", text, flags=re.S))
    (debian.top / "boot/vmlinuz-6.1.0-44-amd64").unlink()
    before = debian.texts()
    refused = debian.rollback("--exact", "--force", exit=4)
    assert "vmlinuz-6.1.0-44-amd64" in refused["error"]["message"]
    assert debian.texts() == before


def test_a_journal_without_slots_is_refused_as_before(debian: Machine) -> None:
    """As the first releases wrote them."""
    id = debian.run("set", "512M")["transaction"]
    path = debian.top / f"var/lib/grubkd/transactions/{id}.done"
    from grubkd.change import disk

    record = json.loads(path.read_bytes().split(b"\n")[1])
    del record["slots"], record["kernels"]
    body = json.dumps(record).encode()
    path.write_bytes(json.dumps({"grubkd": 1, "sha256": disk.digest(body)}).encode() + b"\n" + body + b"\n")
    debian.edit(GRUB_CFG, "set timeout=5", "set timeout=9")
    assert "--exact --force" in debian.rollback(exit=4)["error"]["fix"]
    debian.rollback("--exact", "--force")
    assert "512M" not in debian.text(GRUB_CFG)


def test_a_present_file_that_is_not_understood(debian: Machine) -> None:
    debian.run("set", "512M")
    debian.edit(GRUB_CFG, "set timeout=5", "set timeout='5")
    before = debian.texts()
    debian.rollback(exit=3)
    assert debian.texts() == before


def test_a_recovery_entry_gets_nothing_that_its_source_does_not_hold(debian: Machine) -> None:
    before = debian.texts()
    debian.run("unset")
    debian.edit(GRUB_CFG, "set timeout=5", "set timeout=9")
    debian.rollback()
    debian.edit(GRUB_CFG, "set timeout=9", "set timeout=5")
    assert debian.texts() == before


def test_a_snippet_installed_since_beside_a_created_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(tmp_path / "tree", "centos-stream-10-no-cmdline", capsys)
    machine.run("set", "512M")
    old = sorted((machine.top / "boot/loader/entries").glob("*.conf"))[-1]
    release = re.search(r"^version (.*)$", old.read_text(), re.M)
    assert release
    new = old.with_name("new.conf")
    new.write_text(old.read_text().replace(release[1], "6.12.0-999.el10.x86_64"))
    machine.rollback()
    assert new.read_text() == old.read_text().replace(release[1], "6.12.0-999.el10.x86_64")
    assert not (machine.top / "etc/kernel/cmdline").exists()
