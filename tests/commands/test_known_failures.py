"""What other tools get wrong, each seen or measured in them: one test a failure, named after it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.machine import Machine

GRUBENV = "# GRUB Environment Block\n"


def times(machine: Machine) -> dict[str, tuple[int, int]]:
    """The inode and the time of every file."""
    return {str(p): (p.stat().st_ino, p.stat().st_mtime_ns) for p in machine.top.rglob("*") if p.is_file()}


def snippet(options: str | None, version: str = "5.14.0-70.el9.x86_64", title: str = "RHEL 9") -> str:
    line = "" if options is None else f"options {options}\n"
    return f"title {title}\nversion {version}\nlinux /vmlinuz-{version}\ninitrd /initramfs-{version}.img\n{line}"


@pytest.fixture
def bls(machine: Machine) -> Machine:
    """Two snippets and a rescue one, read by GRUB."""
    machine.write("/etc/os-release", 'ID="rhel"\nVERSION_ID="9.4"\n')
    machine.write("/boot/grub2/grub.cfg", 'set default="${saved_entry}"\ninsmod blscfg\nblscfg\n')
    machine.write("/etc/kernel/cmdline", "root=/dev/vda1 ro\n")
    for number in (70, 80):
        version = f"5.14.0-{number}.el9.x86_64"
        machine.write(f"/boot/loader/entries/abc-{version}.conf", snippet("root=/dev/vda1 ro console=tty0", version))
    machine.write(
        "/boot/loader/entries/abc-0-rescue.conf", snippet("root=/dev/vda1 ro rescue-only=1", "0-rescue-abc", "rescue")
    )
    return machine


@pytest.fixture
def kernelopts(machine: Machine) -> Machine:
    """RHEL 8: every snippet gets its line from grubenv."""
    env = GRUBENV + "kernelopts=root=/dev/vda1 ro \n"
    machine.write("/boot/grub2/grubenv", env + "#" * (1024 - len(env)))
    machine.write("/boot/grub2/grub.cfg", 'load_env\nset default="${saved_entry}"\nblscfg\n')
    for number in (193, 240):
        version = f"4.18.0-{number}.el8.x86_64"
        machine.write(f"/boot/loader/entries/abc-{version}.conf", snippet("$kernelopts extra=1", version))
    return machine


@pytest.fixture
def sourced(machine: Machine) -> Machine:
    """GRUB 2 whose grub.cfg is generated from /etc/default/grub."""
    machine.write(
        "/etc/default/grub",
        'GRUB_DEFAULT=0\nGRUB_DISTRIBUTOR=`touch "$OUT/ran"; echo Debian`\n'
        'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="ro"\n',
    )
    machine.write(
        "/boot/grub/grub.cfg",
        'set default="0"\n### BEGIN /etc/grub.d/10_linux ###\n'
        "menuentry 'Debian' --class debian $menuentry_id_option 'simple' {\n"
        "\tlinux\t/vmlinuz-6.1.0-50-amd64 root=/dev/vda1 ro quiet\n\tinitrd\t/initrd.img-6.1.0-50-amd64\n}\n"
        "### END /etc/grub.d/10_linux ###\n",
    )
    return machine


@pytest.fixture
def legacy(machine: Machine) -> Machine:
    machine.write(
        "/boot/grub/grub.conf",
        "default=0\ntitle A\n\tkernel /vmlinuz-2.6.32-642.el6.x86_64 ro console=tty0 console=ttyS0\n"
        "title B\n\tkernel /vmlinuz-2.6.32-573.el6.x86_64 ro\n",
    )
    return machine


@pytest.mark.parametrize("layout", ["bls", "legacy"])
def test_01_adding_one_console_keeps_the_others(layout: str, request: pytest.FixtureRequest) -> None:
    tree: Machine = request.getfixturevalue(layout)
    tree.run("set", "--kernel", "0", "--add-arg", "console=ttyS1")
    assert "console=tty0" in tree.lines()[0].split()
    assert "console=ttyS1" in tree.lines()[0].split()


def test_02_one_value_replaces_a_pair(bls: Machine) -> None:
    bls.run("set", "256M,high", "128M,low")
    bls.run("set", "512M")
    assert all(line.count("crashkernel=") == 1 and "crashkernel=512M" in line for line in bls.lines())


def test_03_removing_takes_every_match_and_no_pattern(legacy: Machine) -> None:
    legacy.run("set", "--kernel", "0", "--add-arg", "a.b=1", "--add-arg", "aXb=1", "--add-arg", r"sed=&\1*")
    legacy.run("set", "--remove-arg", "a.b", "--remove-arg", "console")
    assert legacy.lines()[0] == r"ro aXb=1 sed=&\1*"


@pytest.mark.parametrize("layout", ["bls", "legacy", "sourced", "kernelopts"])
def test_04_quotes_of_other_arguments_survive(layout: str, request: pytest.FixtureRequest) -> None:
    tree: Machine = request.getfixturevalue(layout)
    tree.run("set", "--add-arg", 'dyndbg="file a.c +p"')
    tree.run("set", "256M")
    # GRUB 2 moves the opening quote before the name; the kernel reads both alike.
    assert all('dyndbg="file a.c +p"' in line or '"dyndbg=file a.c +p"' in line for line in tree.lines())


@pytest.mark.parametrize("selector", ["/boot/vmlinuz-9.9.9", "no-such-id", "title=none", "99"])
def test_05_a_wrong_selector_is_an_error_and_nothing_is_done(bls: Machine, selector: str) -> None:
    before = bls.files()
    status, answer = bls.call("set", "256M", "--kernel", "0", "--kernel", selector)
    assert (status, answer["exit"], answer["error"]["code"]) == (4, 4, "no-such-entry")
    assert bls.files() == before


def test_06_a_snippet_without_options_is_set_and_two_lines_stay_two(bls: Machine) -> None:
    bls.write("/boot/loader/entries/abc-5.14.0-90.el9.x86_64.conf", snippet(None, "5.14.0-90.el9.x86_64"))
    two = snippet("root=/dev/vda1 ro", "5.14.0-91.el9.x86_64") + "options quiet rhgb\n"
    bls.write("/boot/loader/entries/abc-5.14.0-91.el9.x86_64.conf", two)
    bls.run("set", "256M")
    assert "options crashkernel=256M\n" in bls.read("/boot/loader/entries/abc-5.14.0-90.el9.x86_64.conf")
    # Into the first line: GRUB reads no other, and systemd-boot joins them.
    made = bls.read("/boot/loader/entries/abc-5.14.0-91.el9.x86_64.conf")
    assert made == two.replace("vda1 ro", "vda1 ro crashkernel=256M")


def test_07_other_variables_stay_and_the_file_is_never_run(
    sourced: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OUT", str(tmp_path))
    before = sourced.read("/etc/default/grub")
    sourced.run("set", "256M")
    wanted = before.replace('GRUB_CMDLINE_LINUX="ro"', 'GRUB_CMDLINE_LINUX="ro crashkernel=256M"')
    assert sourced.read("/etc/default/grub") == wanted
    assert not (tmp_path / "ran").exists()


def test_08_a_missing_cmdline_is_made_from_the_default_not_the_rescue_entry(bls: Machine) -> None:
    (bls.top / "etc/kernel/cmdline").unlink()
    bls.write("/boot/grub2/grub.cfg", 'set default="abc-0-rescue"\nblscfg\n')
    answer = bls.run("set", "256M")
    assert bls.read("/etc/kernel/cmdline") == "root=/dev/vda1 ro console=tty0 crashkernel=256M\n"
    assert "created-cmdline" in [warning["code"] for warning in answer["warnings"]]


def test_09_a_root_elsewhere_leaves_the_host_alone(bls: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    hosts = ("/etc/default/grub", "/etc/kernel/cmdline", "/boot")
    real = os.open

    def seen(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if named.get("dir_fd") is None and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            opened.append(os.fsdecode(path))
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", seen)
    bls.run("set", "256M")
    assert not [path for path in opened if path.startswith(hosts)]


@pytest.mark.parametrize(
    ("layout", "source"),
    [("bls", "/etc/kernel/cmdline"), ("sourced", "/etc/default/grub"), ("kernelopts", "/boot/grub2/grubenv")],
)
def test_10_kernels_to_come_keep_the_argument(layout: str, source: str, request: pytest.FixtureRequest) -> None:
    tree: Machine = request.getfixturevalue(layout)
    tree.run("set", "256M")
    assert "crashkernel=256M" in tree.read(source)


def test_11_removing_beside_kernelopts_removes(kernelopts: Machine) -> None:
    kernelopts.run("set", "--remove-arg", "extra")
    assert kernelopts.lines() == ["root=/dev/vda1 ro"] * 2


def test_12_a_value_is_changed_by_its_owner_only(bls: Machine) -> None:
    """No command but set and unset touches a value: showing, planning and predicting write nothing."""
    bls.run("set", "333M")
    before = times(bls)
    bls.run("show")
    bls.run("plan")
    bls.call("predict")
    assert times(bls) == before


def test_13_the_same_machine_gets_the_same_value(bls: Machine) -> None:
    """MemTotal shrinks by the reservation itself, so it must not be what the value is chosen from."""
    first = bls.run("set", "--auto", "--ram", "8G")
    assert first["changed"]
    assert not bls.run("set", "--auto", "--ram", str(8 * 2**30 - 250 * 2**20))["changed"]


def test_14_nothing_reserved_is_said(bls: Machine) -> None:
    answer = bls.run("set", "2G-64G:256M,64G-:512M", "--ram", "1G", "--force")
    assert "reserves-nothing" in [warning["code"] for warning in answer["warnings"]]


def test_15_the_host_does_not_reach_the_image(bls: Machine) -> None:
    answer = bls.run("set", "256M")
    assert answer["changed"]
    added = {
        argument
        for file in answer["files"]
        for line in file["diff"].splitlines()
        if line.startswith("+") and not line.startswith("+++")
        for argument in line[1:].split()
    }
    hosts = set(Path("/proc/cmdline").read_text().split())
    assert added & hosts <= {"ro", "root=/dev/vda1", "console=tty0"}
    assert not any(os.uname().release in argument for argument in added)


def test_16_no_copy_is_left_among_the_entries(bls: Machine) -> None:
    before = sorted((bls.top / "boot/loader/entries").iterdir())
    bls.run("set", "256M")
    bls.run("rollback")
    assert sorted((bls.top / "boot/loader/entries").iterdir()) == before


def test_17_line_ends_stay_and_nothing_to_do_writes_nothing(bls: Machine) -> None:
    name = "/boot/loader/entries/abc-5.14.0-70.el9.x86_64.conf"
    crlf = snippet("root=/dev/vda1 ro").replace("\n", "\r\n")
    bls.write(name, crlf)
    bls.run("set", "256M")
    assert (bls.top / name.lstrip("/")).read_bytes() == crlf.replace("ro\r", "ro crashkernel=256M\r").encode()
    before = times(bls)
    assert not bls.run("set", "256M")["changed"]
    assert times(bls) == before


def test_18_every_file_is_synced_before_it_takes_its_name(bls: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole order of durability is checked from a system-call trace elsewhere; here: no rename before a sync."""
    events: list[str] = []

    def recorded(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            events.append(name)
            return real(*args, **named)

        return call

    for name in ("fsync", "rename", "replace"):
        monkeypatch.setattr(os, name, recorded(name, getattr(os, name)))
    bls.run("set", "256M")
    renames = [at for at, event in enumerate(events) if event != "fsync"]
    assert renames
    assert all("fsync" in events[:at] for at in renames)
    assert events[-1] == "fsync" or "fsync" in events[renames[-1] :]
