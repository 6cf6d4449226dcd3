"""kdump-tools of Debian 12: what docs/compare.md says about kdump-config, its drop-in and its package.

Nothing is loaded into the running kernel: kexec is only printed, makedumpfile is a script that copies, /proc is empty.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bookworm import Bookworm

pytestmark = pytest.mark.long

DROP_IN = "etc/default/grub.d/kdump-tools.cfg"
# A makedumpfile that copies its input.
MAKEDUMPFILE = """#!/bin/sh
case $1 in
--dump-dmesg) echo messages >"$3" ;;
*) for file; do :; done && cat "$file" ;;
esac
"""
CRASHED = "mount -t tmpfs none /proc && echo memory >/proc/vmcore && : >/proc/iomem && exec kdump-config savecore"


def files(debian: Bookworm) -> dict[str, bytes]:
    """All files that say how the tree boots."""
    places = [debian.path / name for name in ("boot/grub", "etc/default", "etc/kernel")]
    found = [path for place in places for path in place.rglob("*") if path.is_file()]
    return {str(path.relative_to(debian.path)): path.read_bytes() for path in found}


def test_the_version(debian: Bookworm) -> None:
    """The version that the page names."""
    assert debian.run("dpkg-query", "--show", "--showformat=${Version}", "kdump-tools").stdout == "1:1.8.1"


def test_it_has_no_word_for_a_value(debian: Bookworm) -> None:
    """It does not set, choose, estimate, predict or undo a value, and works on no other tree."""
    usage = "{help|test|show|status|load|unload|savecore|propagate|symlinks kernel-version}"
    before = files(debian)
    assert debian.run("kdump-config", "help").stdout.splitlines()[1] == f'kdump-config {usage}"'
    words = ("set", "unset", "plan", "predict", "estimate", "calibrate", "rollback", "history", "--dry-run", "--json")
    for word in (*words, "--root=/"):
        done = debian.run("kdump-config", word)
        assert (done.returncode, done.stdout) == (1, f"Usage: /usr/sbin/kdump-config {usage}\n"), word
    assert files(debian) == before


def test_its_answers_are_for_people(debian: Bookworm) -> None:
    shown = debian.run("kdump-config", "show", "--json")
    assert shown.stdout == debian.run("kdump-config", "show").stdout
    assert "DUMP_MODE:\t\tkdump\n" in shown.stdout
    with pytest.raises(json.JSONDecodeError):
        json.loads(shown.stdout)


def test_its_drop_in_has_one_value_for_every_machine(debian: Bookworm) -> None:
    """It is a file of the package and is not made on the machine."""
    line = 'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=384M-:128M"\n'
    assert debian.read(DROP_IN) == line
    assert debian.run("dpkg", "--search", f"/{DROP_IN}").stdout == f"kdump-tools: /{DROP_IN}\n"
    assert debian.run("dpkg", "--verify", "kdump-tools").stdout.count("grub.d") == 0


def test_its_drop_in_counts_from_the_next_update_grub_on(debian: Bookworm) -> None:
    drop_in, menu = debian.path / DROP_IN, debian.read("boot/grub/grub.cfg")
    drop_in.write_text(drop_in.read_text().replace("384M-:128M", "333M"))
    for word in ("show", "status", "test"):
        assert debian.run("kdump-config", word).returncode == 0
    assert debian.read("boot/grub/grub.cfg") == menu
    assert debian.update_grub() == menu.replace("384M-:128M", "333M") != menu


def test_on_s390x_its_package_edits_zipl_conf(debian: Bookworm) -> None:
    script = debian.read("var/lib/dpkg/info/kdump-tools.postinst")
    (case,) = re.findall(r"(?s)\ts390x\)\n(.*?);;", script)
    assert re.search(r"sed -i .*crashkernel=\$\{DEF_PRESET\}.* /etc/zipl\.conf\n\s*zipl\n", case)
    assert script.count("/etc/zipl.conf") == case.count("/etc/zipl.conf")


def test_it_needs_no_python(debian: Bookworm) -> None:
    assert debian.run("sh", "-c", "command -v python3").returncode != 0
    assert debian.read("usr/sbin/kdump-config").startswith("#!/bin/sh\n")
    assert debian.run("kdump-config", "status").stdout.splitlines()[-1].startswith("current state   : ")


@pytest.fixture
def own(tarball: Path, tmp_path: Path) -> Iterator[Bookworm]:
    """A separate Debian for the test."""
    path = tmp_path / "debian"
    path.mkdir()
    subprocess.run(["tar", "--directory", path, "--extract", "--file", tarball], check=True)
    yield Bookworm(path)
    shutil.rmtree(path)


def test_it_builds_loads_and_saves(own: Bookworm) -> None:
    """The capture kernel's initial RAM disk, the command that loads both, and the dump under /var/crash."""
    (kernel,) = (own.path / "boot").glob("vmlinuz-*")
    release = kernel.name.removeprefix("vmlinuz-")
    settings = own.path / "etc/initramfs-tools/initramfs.conf"
    # Otherwise it needs the modules of the machine that runs the tests.
    settings.write_text(settings.read_text().replace("MODULES=most", "MODULES=list"))
    (own.path / "lib/modules" / release).mkdir()
    made = own.path / "var/lib/kdump" / f"initrd.img-{release}"
    assert not made.exists()
    assert own.run("kdump-config", "symlinks", release).returncode == 0
    assert made.stat().st_size > 1 << 20
    printed = own.run("kdump-config", "test").stdout
    assert re.search(
        r"(?m)^  /sbin/kexec -p --command-line=.* --initrd=/var/lib/kdump/initrd.img /var/lib/kdump/vmlinuz$", printed
    )
    makedumpfile = own.path / "usr/bin/makedumpfile"
    makedumpfile.write_text(MAKEDUMPFILE)
    makedumpfile.chmod(0o755)
    saved = own.run("sh", "-c", CRASHED)
    assert saved.returncode == 0, saved.stdout + saved.stderr
    (dump,) = (own.path / "var/crash").glob("*/dump.*")
    assert dump.read_text() == "memory\n"
    # grubkd finds the dump that it saved.
    (found,) = own.grubkd("dumps")["dumps"]
    assert (found["path"], found["files"]) == (f"/{dump.parent.relative_to(own.path)}", [dump.name])


def test_debian_s_archive_has_it_and_not_grubkd(tmp_path: Path) -> None:
    """As apt lists the archive, whatever is installed."""
    (tmp_path / "status").touch()
    command = ["apt-cache", "--option", f"Dir::State::status={tmp_path / 'status'}", "--names-only", "search"]
    listed = subprocess.run(
        [*command, "^(dpkg|grubkd|kdump-tools)$"], capture_output=True, text=True, check=True
    ).stdout
    names = {line.split()[0] for line in listed.splitlines()}
    if "dpkg" not in names:
        pytest.skip("apt has no lists")
    assert names == {"dpkg", "kdump-tools"}
