"""Debian's kernel package, systemd's kernel-install and u-boot-update: the entry of a new kernel has the value."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bookworm import TOP, Bookworm
from packages import fetch, install, kernels, put_grubkd

pytestmark = pytest.mark.long

HOOKS = TOP / "integrations" / "kernel-install"
PYTHON = ("python3", "python3-click", "python3-lark", "python3-augeas", "python3-psutil")
VALUE = "384M-:128M"


@pytest.fixture(scope="module")
def furnished(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bookworm]:
    """A Debian with grubkd, its libraries, both hooks, and systemd."""
    path = tmp_path_factory.mktemp("furnished")
    subprocess.run(["tar", "--directory", path, "--extract", "--file", tarball], check=True)
    debian = Bookworm(path)
    install(debian, fetch(debian, tmp_path_factory.mktemp("packages") / "all", *PYTHON, "systemd"))
    put_grubkd(debian)
    shutil.copy(HOOKS / "zzz-grubkd", path / "etc/kernel/postinst.d")
    shutil.copy(HOOKS / "98-grubkd.install", path / "usr/lib/kernel/install.d")
    # kdump-tools' own hook needs the modules of the machine, which the chroot does not have.
    (path / "etc/kernel/postinst.d/kdump-tools").unlink()
    (path / "etc/default/grub.d/kdump-tools.cfg").unlink()
    shutil.copy(path / "usr/share/grub/default/grub", path / "etc/default/grub")
    (path / "boot/grub").mkdir(exist_ok=True)
    yield debian
    shutil.rmtree(path)


def inside(debian: Bookworm, *arguments: str) -> Any:
    """Run the chroot's grubkd, in the chroot; returns its JSON answer."""
    done = debian.run("grubkd", *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def values(debian: Bookworm, release: str) -> dict[str, list[str]]:
    return {
        entry["title"]: entry["crashkernel"]
        for entry in inside(debian, "show")["entries"]
        if entry["version"] == release
    }


def test_a_kernel_package(furnished: Bookworm, tmp_path: Path) -> None:
    """Its scripts call run-parts on /etc/kernel/postinst.d: update-grub makes the entry, our hook checks it."""
    furnished.update_grub()
    assert inside(furnished, "set", "--auto", "--this-machine")["changed"]
    present = {path.name.removeprefix("vmlinuz-") for path in (furnished.path / "boot").glob("vmlinuz-*")}
    release = next(each for each in reversed(kernels()) if each not in present)
    said = install(furnished, fetch(furnished, tmp_path / "kernel", f"linux-image-{release}"))
    assert f"grubkd: kernel {release}: nothing to do: its entry has the value\n" in said
    found = values(furnished, release)
    assert len(found) >= 2
    assert set(map(tuple, found.values())) == {(VALUE,)}


def test_a_kernel_package_whose_value_somebody_changed(furnished: Bookworm, tmp_path: Path) -> None:
    """The next kernel's entry gets the value that a person wrote into the source, and grubkd does not change it."""
    source = furnished.path / "etc/default/grub"
    source.write_text(source.read_text().replace(VALUE, "333M"))
    present = {path.name.removeprefix("vmlinuz-") for path in (furnished.path / "boot").glob("vmlinuz-*")}
    release = next(each for each in reversed(kernels()) if each not in present)
    said = install(furnished, fetch(furnished, tmp_path / "kernel", f"linux-image-{release}"))
    assert f"kernel {release}: nothing to do: its entry has crashkernel=333M, which somebody set\n" in said
    assert set(map(tuple, values(furnished, release).values())) == {("333M",)}


@pytest.fixture
def snippets(furnished: Bookworm, tmp_path: Path) -> Iterator[Bookworm]:
    """The same with systemd-boot: no GRUB, a machine id, and one kernel that kernel-install added."""
    path = furnished.path
    shutil.rmtree(path / "var/lib/grubkd", ignore_errors=True)
    shutil.move(path / "boot/grub", tmp_path / "grub")
    (path / "etc/machine-id").write_text("3c2b1a0f9e8d4c7b8a695847362514f0\n")
    (path / "etc/kernel/entry-token").write_text("token\n")
    (path / "etc/kernel/install.conf").write_text("layout=bls\n")
    (path / "boot/token").mkdir()
    yield furnished
    shutil.move(tmp_path / "grub", path / "boot/grub")


def add(debian: Bookworm, release: str) -> str:
    """Add a kernel with systemd's kernel-install; returns the output."""
    image = next((debian.path / "boot").glob("vmlinuz-*-cloud-amd64"))
    (debian.path / "lib/modules" / release).mkdir(parents=True, exist_ok=True)
    done = debian.run("kernel-install", "add", release, f"/boot/{image.name}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_kernel_install(snippets: Bookworm) -> None:
    """Without /etc/kernel/cmdline it uses the arguments of the running machine, which have no value of ours."""
    cmdline = snippets.path / "etc/kernel/cmdline"
    cmdline.write_text("root=/dev/vda1 ro\n")
    assert "nothing to do: no value chosen by --auto is recorded" in add(snippets, "6.1.0-1-amd64")
    assert inside(snippets, "set", "--auto", "--this-machine")["changed"]
    assert "nothing to do: its entry has the value" in add(snippets, "6.1.0-2-amd64")
    kept = cmdline.read_text()
    cmdline.write_text("root=/dev/vda1 ro\n")
    said = add(snippets, "6.1.0-3-amd64")
    assert f"grubkd: kernel 6.1.0-3-amd64: crashkernel={VALUE} set, transaction " in said
    entry = snippets.path / "boot/loader/entries/token-6.1.0-3-amd64.conf"
    assert f"crashkernel={VALUE}" in entry.read_text()
    cmdline.write_text("root=/dev/vda1 ro crashkernel=1G\n")
    assert "its entry has crashkernel=1G, which somebody set" in add(snippets, "6.1.0-4-amd64")
    assert [values(snippets, f"6.1.0-{number}-amd64").popitem()[1] for number in range(1, 5)] == [
        [VALUE], [VALUE], [VALUE], ["1G"],
    ]  # fmt: skip
    cmdline.write_text(kept)
    removed = snippets.run("kernel-install", "remove", "6.1.0-3-amd64")
    assert (removed.returncode, "grubkd" in removed.stdout + removed.stderr, entry.exists()) == (0, False, False)


@pytest.fixture
def u_boot(furnished: Bookworm, tmp_path: Path) -> Iterator[Bookworm]:
    """The same with u-boot-menu: no GRUB, and the menu that u-boot-update made."""
    path = furnished.path
    shutil.rmtree(path / "var/lib/grubkd", ignore_errors=True)
    (path / "etc/kernel/cmdline").unlink(missing_ok=True)
    for name in ("boot/grub", "boot/loader", "etc/default/grub", "etc/kernel/postinst.d/zz-update-grub"):
        if (path / name).exists():
            shutil.move(path / name, tmp_path / name.replace("/", "-"))
    (path / "etc/fstab").write_text("/dev/vda2 / ext4 defaults 0 1\n")
    install(furnished, fetch(furnished, tmp_path / "packages", "u-boot-menu"))
    assert furnished.run("u-boot-update").returncode == 0
    yield furnished
    for name in ("boot/grub", "etc/default/grub", "etc/kernel/postinst.d/zz-update-grub"):
        shutil.move(tmp_path / name.replace("/", "-"), path / name)


def test_u_boot_update(u_boot: Bookworm, tmp_path: Path) -> None:
    """It writes its whole menu again for each kernel package, of U_BOOT_PARAMETERS."""
    assert inside(u_boot, "set", "--auto", "--this-machine")["changed"]
    assert f'\nU_BOOT_PARAMETERS="ro quiet crashkernel={VALUE}"\n' in u_boot.read("etc/default/u-boot")
    lines = u_boot.lines()
    assert u_boot.run("u-boot-update").returncode == 0
    assert {title: sorted(line.split()) for title, line in u_boot.lines().items()} == {
        title: sorted(line.split()) for title, line in lines.items()
    }
    present = {path.name.removeprefix("vmlinuz-") for path in (u_boot.path / "boot").glob("vmlinuz-*")}
    release = next(each for each in reversed(kernels()) if each not in present)
    said = install(u_boot, fetch(u_boot, tmp_path / "kernel", f"linux-image-{release}"))
    assert f"grubkd: kernel {release}: nothing to do: its entry has the value\n" in said
    assert set(map(tuple, values(u_boot, release).values())) == {(VALUE,)}
    assert all(f" crashkernel={VALUE}" in line for line in u_boot.lines().values())
