"""Debian 13's kernel-install with each layout, ukify and dracut: a new kernel's image or entry keeps the value."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bookworm import TOP, Bookworm
from packages import put_grubkd

pytestmark = pytest.mark.long

PLUGINS = "usr/lib/kernel/install.d"
VALUE = "512M-:192M"
# What GRUB's own plugins do on distributions that have them: make the menu.
GENERATOR = """#!/bin/sh
[ "$1" = add ] || exit 0
mkdir -p /boot/loader/entries
printf 'title %s\\nversion %s\\nlinux /vmlinuz\\noptions root=/dev/vda1 ro\\n' "$2" "$2" \\
    >"/boot/loader/entries/$2.conf"
"""


@pytest.fixture(scope="module")
def system(image_tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bookworm]:
    """A Debian 13 with grubkd, the plugin, and one kernel; no boot loader's menu."""
    path = tmp_path_factory.mktemp("trixie")
    subprocess.run(["tar", "--directory", path, "--extract", "--file", image_tarball], check=True)
    found = Bookworm(path)
    put_grubkd(found)
    shutil.copy(TOP / "integrations/kernel-install/98-grubkd.install", path / PLUGINS)
    (path / "etc/machine-id").write_text("3c2b1a0f9e8d4c7b8a695847362514f0\n")
    (path / "etc/kernel/entry-token").write_text("token\n")
    yield found
    shutil.rmtree(path)


@pytest.fixture
def machine(system: Bookworm) -> Iterator[Bookworm]:
    """The same without what an earlier test installed."""
    (system.path / "etc/kernel/cmdline").write_text("root=/dev/vda1 ro\n")
    yield system
    for name in ("boot/EFI", "boot/loader", "boot/token", "var/lib/grubkd"):
        shutil.rmtree(system.path / name, ignore_errors=True)
    (system.path / PLUGINS / "95-menu.install").unlink(missing_ok=True)


def kernel(debian: Bookworm) -> str:
    (found,) = (debian.path / "boot").glob("vmlinuz-*")
    return found.name.removeprefix("vmlinuz-")


def add(debian: Bookworm, release: str, layout: str, generator: str = "ukify") -> str:
    """Add Debian's kernel under this release; returns what is printed."""
    initrd_generator = "dracut" if generator == "dracut" else "none"
    (debian.path / "etc/kernel/install.conf").write_text(
        f"layout={layout}\nuki_generator={generator}\ninitrd_generator={initrd_generator}\n"
    )
    image = kernel(debian)
    # dracut makes the RAM disk itself, of the modules of that release.
    initrd = [] if generator == "dracut" else [f"/boot/initrd.img-{image}"]
    done = debian.run("kernel-install", "add", release, f"/boot/vmlinuz-{image}", *initrd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def inside(debian: Bookworm, *arguments: str, status: int = 0) -> Any:
    done = debian.run("grubkd", *arguments, "--json")
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def values(debian: Bookworm) -> dict[str | None, list[str]]:
    return {entry["version"]: entry["crashkernel"] for entry in inside(debian, "show")["entries"]}


def test_images_of_ukify(machine: Bookworm) -> None:
    """The value is in /etc/kernel/cmdline, of which ukify makes the next image; the present one needs an addon."""
    (machine.path / "boot/EFI/Linux").mkdir(parents=True)
    assert "nothing to do: no value chosen by --auto is recorded" in add(machine, "6.12.1-1", "uki")
    refused = inside(machine, "set", "--auto", "--ram=8G", status=4)
    assert refused["error"]["fix_commands"][1][:2] == ["ukify", "build"]
    assert [each["path"] for each in inside(machine, "set", "--auto", "--ram=8G", "--force")["files"]] == [
        "/etc/kernel/cmdline"
    ]
    assert "kernel 6.12.2-1: nothing to do: its entry has the value" in add(machine, "6.12.2-1", "uki")
    assert values(machine) == {"6.12.1-1": [], "6.12.2-1": [VALUE]}
    # What the plugin cannot do, it says.
    (machine.path / "etc/kernel/cmdline").write_text("root=/dev/vda1 ro\n")
    assert "only another tool can change its arguments" in add(machine, "6.12.3-1", "uki")


def test_snippets(machine: Bookworm) -> None:
    (machine.path / "boot/token").mkdir()
    add(machine, "6.12.1-1", "bls")
    assert inside(machine, "set", "--auto", "--ram=8G")["changed"]
    assert "nothing to do: its entry has the value" in add(machine, "6.12.2-1", "bls")
    (machine.path / "etc/kernel/cmdline").write_text("root=/dev/vda1 ro\n")
    assert f"kernel 6.12.3-1: crashkernel={VALUE} set, transaction " in add(machine, "6.12.3-1", "bls")
    assert set(map(tuple, values(machine).values())) == {(VALUE,)}


def test_another_layout(machine: Bookworm) -> None:
    """kernel-install writes no entry itself; a plugin before ours does."""
    plugin = machine.path / PLUGINS / "95-menu.install"
    plugin.write_text(GENERATOR)
    plugin.chmod(0o755)
    add(machine, "6.12.1-1", "other")
    assert inside(machine, "set", "--auto", "--ram=8G")["changed"]
    assert f"kernel 6.12.2-1: crashkernel={VALUE} set, transaction " in add(machine, "6.12.2-1", "other")
    assert values(machine) == {"6.12.1-1": [VALUE], "6.12.2-1": [VALUE]}
    plugin.unlink()
    assert "kernel 6.12.3-1: nothing to do: no entry starts it" in add(machine, "6.12.3-1", "other")


def test_images_of_dracut_do_not_read_the_file(machine: Bookworm) -> None:
    """dracut 106 takes `kernel_cmdline` of its own configuration: with the value there, the image has it."""
    (machine.path / "boot/EFI/Linux").mkdir(parents=True)
    (machine.path / "etc/kernel/cmdline").write_text(f"root=/dev/vda1 ro crashkernel={VALUE}\n")
    add(machine, kernel(machine), "uki", "dracut")
    assert list(values(machine).values()) == [[]]
    own = machine.path / "etc/dracut.conf.d/cmdline.conf"
    own.write_text(f'kernel_cmdline="root=/dev/vda1 ro crashkernel={VALUE}"\n')
    add(machine, kernel(machine), "uki", "dracut")
    own.unlink()
    assert list(values(machine).values()) == [[VALUE]]
