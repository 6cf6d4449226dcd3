"""Trees whose arguments only other tools change: ostree, bootc, unified kernel images; the command that does it."""

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.machine import Machine
from support.shelltree import give_command, give_shell

from grubkd.boot.loaders import uki
from grubkd.cli import main

SNIPPET = "title T\nversion 1\nlinux /ostree/x-1/vmlinuz-6.14.0-1.fc42.x86_64\noptions {} ostree=/ostree/boot.1/x/1/0\n"
KERNEL = "6.12.48+deb13-amd64"


def executable(*sections: tuple[str, bytes]) -> bytes:
    """An EFI executable of these sections, each padded to 512 bytes as linkers do."""
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 240, 0)
    table, body = b"", b""
    start = -(-(len(head) + len(coff) + 240 + 40 * len(sections)) // 512) * 512
    for name, data in sections:
        padded = data.ljust(-(-len(data) // 512) * 512, b"\0")
        places = (len(data), 0x1000, len(padded), start + len(body))
        table += struct.pack("<8s4I16x", name.encode(), *places)
        body += padded
    return (head + coff + bytes(240) + table).ljust(start, b"\0") + body


def unified(command: str, *more: tuple[str, bytes]) -> bytes:
    system = b'ID=debian\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n'
    fixed = ((".osrel", system), (".uname", KERNEL.encode()), (".linux", b"MZ kernel"))
    return executable((".text", b"\x90"), *fixed, (".cmdline", command.encode()), *more)


def read(data: bytes) -> dict[str, uki.PeSection]:
    return uki.pe_sections(lambda start, size: data[start : start + size])


def test_sections_are_found_with_their_texts() -> None:
    data = unified("ro quiet\0")
    found = read(data)
    assert list(found) == [".text", ".osrel", ".uname", ".linux", ".cmdline"]
    assert found[".uname"].text == KERNEL
    assert found[".cmdline"].text == "ro quiet"
    assert data[found[".cmdline"].start :].startswith(b"ro quiet\0")
    # What is no text is not read, however large.
    assert found[".linux"].text == ""


def test_of_several_profiles_the_first_counts() -> None:
    assert read(unified("ro", (".profile", b"ID=x"), (".cmdline", b"single")))[".cmdline"].text == "ro"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "begin"),
        (b"\x7fELF".ljust(100, b"\0"), "begin"),
        (b"MZ".ljust(60, b"\0") + struct.pack("<I", 0xFFFFFFFF), "PE header"),
        (unified("ro")[:100], "cut off"),
        (unified("ro")[:-600], "cut off"),
        (executable(*[(".x", b"")] * 97), "97 sections"),
        (executable((".cmdline", b"x" * (64 << 10) + b"x")), "65537 bytes"),
    ],
)
def test_what_is_no_executable_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(uki.NoEfiImage, match=why):
        read(data)


@given(st.integers(0, 700), st.binary(min_size=1, max_size=8))
def test_a_damaged_image_is_read_in_bounds_or_refused(at: int, damage: bytes) -> None:
    data = unified("ro quiet crashkernel=64M")
    asked = 0

    def part(start: int, size: int) -> bytes:
        nonlocal asked
        asked += size
        return (data[:at] + damage + data[at + len(damage) :])[start : start + size]

    try:
        found = uki.pe_sections(part)
    except uki.NoEfiImage:
        found = {}
    assert all(len(each.text) <= uki.LARGEST_TEXT for each in found.values())
    assert asked <= 64 + 24 + 96 * 40 + 3 * uki.LARGEST_TEXT


class Sealed(Machine):
    def refusal(self, *argv: str) -> str:
        """The hint of a refusal, which names the command."""
        error = self.run(*argv, exit=4)["error"]
        assert error["code"] == "sealed"
        return str(error["fix"]).replace(f"chroot {self.top} ", "")


@pytest.fixture
def machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Sealed:
    return Sealed(tmp_path, capsys)


def formats(answer: dict[str, Any]) -> list[str]:
    return [each["format"] for each in answer["bootloaders"]]


@pytest.mark.parametrize(
    ("options", "argv", "kargs"),
    [
        ("rw", ("set", "256M"), "--append-if-missing=crashkernel=256M"),
        ("rw crashkernel=128M", ("set", "256M"), "--replace=crashkernel=256M"),
        (
            "rw crashkernel=128M",
            ("set", "256M,high", "72M,low"),
            "--delete-if-present=crashkernel=128M"
            " --append-if-missing=crashkernel=256M,high --append-if-missing=crashkernel=72M,low",
        ),
        ("rw crashkernel=128M", ("unset",), "--delete-if-present=crashkernel=128M"),
        ("rw", ("set", "--add-arg", 'x="a b"'), "'--append-if-missing=x=\"a b\"'"),
    ],
)
def test_a_deployment_names_the_command_of_rpm_ostree(
    machine: Sealed, options: str, argv: Sequence[str], kargs: str
) -> None:
    file = machine.write("/boot/loader/entries/ostree-1.conf", SNIPPET.format(options))
    machine.write("/ostree/repo/config", "")
    assert machine.refusal(*argv) == f"run: rpm-ostree kargs {kargs}"
    assert file.read_text() == SNIPPET.format(options)


def test_a_deployment_that_holds_it_needs_nothing(machine: Sealed) -> None:
    machine.write("/boot/loader/entries/ostree-2.conf", SNIPPET.format("rw crashkernel=256M"))
    machine.write("/boot/loader/entries/ostree-1.conf", SNIPPET.format("rw"))
    answer = machine.run("set", "256M")
    assert (answer["changed"], answer["warnings"]) == (False, [])
    # The older one stays as it is; asked for by name it is refused.
    machine.refusal("set", "256M", "--kernel", "1")


def test_what_new_deployments_do_not_read_is_no_future(machine: Sealed) -> None:
    machine.write("/boot/loader/entries/ostree-1.conf", SNIPPET.format("rw"))
    machine.write("/run/ostree-booted", "")
    machine.write("/etc/default/grub", 'GRUB_CMDLINE_LINUX="quiet"\n')
    shown = machine.run("show")
    assert (formats(shown), shown["future"]) == (["grub2", "ostree"], [])
    assert shown["entries"][0]["version"] == "6.14.0-1.fc42.x86_64"


def test_an_ordinary_system_beside_a_repository_is_edited(machine: Sealed) -> None:
    machine.write("/ostree/repo/config", "")
    text = "title T\nlinux /vmlinuz-6.14.0-1.fc42.x86_64\noptions rw\n"
    file = machine.write("/boot/loader/entries/m-6.14.0-1.fc42.x86_64.conf", text)
    machine.write("/etc/kernel/cmdline", "rw\n")
    assert [each["path"] for each in machine.run("set", "256M")["files"]] == [
        "/boot/loader/entries/m-6.14.0-1.fc42.x86_64.conf",
        "/etc/kernel/cmdline",
    ]
    assert file.read_text() == text.replace("rw", "rw crashkernel=256M")


@pytest.mark.parametrize(
    ("arch", "rust"), [("x86_64", "x86_64"), ("arm64", "aarch64"), ("ppc64le", "powerpc64"), ("i386", "x86")]
)
def test_an_image_of_bootc_names_the_snippet_with_rusts_name(machine: Sealed, arch: str, rust: str) -> None:
    machine.write("/usr/lib/bootc/kargs.d/10-console.toml", 'kargs = ["console=tty0"]\n')
    shown = machine.run("show")
    assert shown["bootloaders"] == [{"format": "ostree", "files": ["/usr/lib/bootc/kargs.d/10-console.toml"]}]
    assert machine.refusal("set", "256M", "--arch", arch) == (
        "where the image is built: printf '%s\\n' 'kargs = [\"crashkernel=256M\"]'"
        f" 'match-architectures = [\"{rust}\"]'"
        " >/usr/lib/bootc/kargs.d/60-crashkernel.toml;"
        " on the running machine: rpm-ostree kargs --append-if-missing=crashkernel=256M"
    )


UKI = "/boot/efi/EFI/Linux/debian.efi"


def test_a_unified_image_is_shown_with_what_is_in_it(machine: Sealed) -> None:
    machine.write(UKI, unified("ro quiet crashkernel=64M\n\0"))
    shown = machine.run("show")
    assert shown["bootloaders"] == [{"format": "uki", "files": [UKI]}]
    assert shown["entries"] == [
        {
            "index": 0,
            "id": "debian.efi",
            "title": "Debian GNU/Linux 13 (trixie)",
            "kernel": "/EFI/Linux/debian.efi",
            "version": KERNEL,
            "initrd": [],
            "cmdline": "ro quiet crashkernel=64M",
            "args": ["ro", "quiet", "crashkernel=64M"],
            "crashkernel": ["64M"],
            "modules": [],
            "default": True,
            "rescue": False,
            "linux": True,
            "foreign": False,
            "source": {"file": UKI, "line": 1},
        }
    ]
    assert [each["code"] for each in shown["warnings"]] == []


def test_a_unified_image_names_the_command_for_an_addon(machine: Sealed) -> None:
    data = unified("ro crashkernel=64M")
    file = machine.write(UKI, data)
    assert machine.refusal("set", "256M") == (
        f"run: mkdir -p {UKI}.extra.d && ukify build --cmdline=crashkernel=256M"
        f" --output={UKI}.extra.d/crashkernel.addon.efi"
        " (with Secure Boot also --secureboot-private-key and --secureboot-certificate)"
    )
    # An addon takes nothing away: the kernel would go on reading what the image holds.
    assert "kernel-install" in machine.refusal("unset")
    assert "kernel-install" in machine.refusal("set", "256M,high", "72M,low")
    assert machine.run("set", "64M")["changed"] is False
    assert file.read_bytes() == data


def test_force_gives_the_value_to_the_images_of_new_kernels(machine: Sealed) -> None:
    """ukify makes them of /etc/kernel/cmdline. The present image is left alone, with a warning that has its command."""
    data = unified("ro")
    image = machine.write(UKI, data)
    assert machine.run("set", "256M", "--force", exit=4)["error"]["code"] == "sealed"
    file = machine.write("/etc/kernel/cmdline", "ro\n")
    assert machine.run("set", "256M", exit=4)["error"]["code"] == "sealed"
    answer = machine.run("set", "256M", "--force")
    assert [(each["code"], each["file"]) for each in answer["warnings"]] == [("sealed", UKI)]
    assert [each["path"] for each in answer["files"]] == ["/etc/kernel/cmdline"]
    assert file.read_text() == "ro crashkernel=256M\n"
    assert machine.run("set", "256M", "--force")["changed"] is False
    machine.run("rollback")
    assert (file.read_text(), image.read_bytes()) == ("ro\n", data)


def test_a_large_image_costs_no_more(machine: Sealed) -> None:
    file = machine.write(UKI, unified("ro"))
    with file.open("ab") as image:
        image.truncate(64 << 20)
    assert machine.run("show")["entries"][0]["cmdline"] == "ro"


def test_an_efi_program_without_a_kernel_is_no_entry(machine: Sealed) -> None:
    machine.write("/efi/EFI/Linux/tool.efi", executable((".text", b"x")))
    machine.write("/efi/EFI/Linux/text.efi", "no program")
    shown = machine.run("show")
    assert (shown["entries"], formats(shown)) == ([], [])
    assert [(each["code"], each["file"]) for each in shown["warnings"]] == [("not-an-image", "/efi/EFI/Linux/text.efi")]


def test_grub_and_not_the_image_boots_by_default(machine: Sealed) -> None:
    machine.write(UKI, unified("ro"))
    machine.write("/boot/grub/grub.cfg", "menuentry A {\n linux /vmlinuz-6.1.0-1-amd64 ro\n}\n")
    assert [entry["default"] for entry in machine.run("show")["entries"]] == [True, False]


def test_systemd_boots_menu_has_snippets_and_images(machine: Sealed) -> None:
    machine.write("/efi/loader/loader.conf", "default debian*\n")
    machine.write("/efi/EFI/Linux/debian.efi", unified("ro"))
    text = "title T\nversion 6.1.0\nlinux /x/6.1.0/linux\noptions ro\n"
    file = machine.write("/efi/loader/entries/x-6.1.0.conf", text)
    machine.write("/etc/kernel/cmdline", "ro\n")
    assert [(entry["id"], entry["default"]) for entry in machine.run("show")["entries"]] == [
        ("x-6.1.0", False),
        ("debian.efi", True),
    ]
    # The image boots by default, and would keep its arguments.
    error = machine.run("set", "256M", exit=4)["error"]
    assert (error["code"], error["file"]) == ("sealed", "/efi/EFI/Linux/debian.efi")
    assert "which boots by default" in error["message"]
    assert file.read_text() == text
    answer = machine.run("set", "256M", "--force")
    assert [(each["code"], each["file"]) for each in answer["warnings"]] == [("sealed", "/efi/EFI/Linux/debian.efi")]
    assert file.read_text() == text.replace("ro\n", "ro crashkernel=256M\n")


BLSCFG = 'set tuned_params="crashkernel=512M"\nblscfg\n'


@pytest.mark.parametrize(
    ("options", "after"),
    [
        ("ro $tuned_params", "ro $tuned_params crashkernel=256M"),
        ("crashkernel=1M $tuned_params ro", "$tuned_params ro crashkernel=256M"),
        ("$tuned_params crashkernel=1M ro", "$tuned_params crashkernel=256M ro"),
        ("$kernelopts $tuned_params", "$kernelopts $tuned_params crashkernel=256M"),
    ],
)
def test_a_value_is_behind_the_one_of_tuned(tmp_path: Path, options: str, after: str) -> None:
    snippet = tmp_path / "boot/loader/entries/a.conf"
    snippet.parent.mkdir(parents=True)
    snippet.write_text(f"linux /vmlinuz-5.14.0-1.el9.x86_64\noptions {options}\n")
    script = tmp_path / "boot/grub2/grub.cfg"
    script.parent.mkdir()
    script.write_text(f'set kernelopts="crashkernel=2M"\n{BLSCFG}' if "kernelopts" in options else BLSCFG)
    (tmp_path / "var/lib").mkdir(parents=True)
    for _ in range(2):
        assert main(["set", "256M", "--root", str(tmp_path), "--arch", "x86_64"]) == 0
        assert snippet.read_text().splitlines()[1] == f"options {after}"
        assert 'tuned_params="crashkernel=512M"' in script.read_text()
        # New kernels get the value too.
        assert ('kernelopts="crashkernel=256M"' in script.read_text()) == ("kernelopts" in options)
    assert main(["unset", "--root", str(tmp_path)]) == 4


@pytest.mark.parametrize(
    ("files", "held", "hint"),
    [
        ({"/etc/NIXOS": ""}, "", 'boot.kernelParams = [ "crashkernel=256M" ];'),
        ({"/etc/NIXOS": ""}, "crashkernel=1M", "take crashkernel=1M out of boot.kernelParams and boot.kernelParams ="),
        (
            {"/etc/kernelstub/configuration": ""},
            "crashkernel=1M",
            "kernelstub --delete-options crashkernel=1M && kernelstub --add-options crashkernel=256M",
        ),
    ],
)
def test_the_owner_of_a_menu_has_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str], held: str, hint: str
) -> None:
    snippet = f"linux /vmlinuz-6.1.0\noptions ro {held}\n"
    for name, text in {**files, "/boot/loader/entries/Pop_OS-current.conf": snippet}.items():
        path = tmp_path / name[1:]
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert main(["set", "256M", "--root", str(tmp_path)]) == 4
    assert hint in capsys.readouterr().err.replace(f"chroot {tmp_path} ", "")


def test_a_default_of_another_system_would_keep_its_value(machine: Sealed) -> None:
    entry = "menuentry '{}' {{\n linux /boot/vmlinuz-6.1.0-{}-amd64 root=UUID={} {}\n}}\n"
    menu = "### BEGIN /etc/grub.d/10_linux ###\n" + entry.format("Own", 1, "a", "ro")
    menu += "### END /etc/grub.d/10_linux ###\n### BEGIN /etc/grub.d/30_os-prober ###\n"
    menu += entry.format("Other", 2, "b", "ro crashkernel=64M") + "### END /etc/grub.d/30_os-prober ###\n"
    file = machine.write("/boot/grub/grub.cfg", f'set default="1"\n{menu}')
    assert [(each["default"], each["foreign"]) for each in machine.run("show")["entries"]] == [
        (False, False),
        (True, True),
    ]
    error = machine.run("set", "256M", exit=4)["error"]
    assert "entry 1 (Other), which boots by default, belongs to another system" in error["message"]
    assert file.read_text().count("256M") == 0
    # With the same value, or by the choice of an entry, nothing is kept that was not meant.
    assert machine.run("set", "64M")["changed"]
    assert machine.run("set", "128M", "--kernel", "0")["changed"]
    assert machine.run("set", "256M", "--force")["changed"]
    assert machine.run("unset")["changed"]


in_the_tree = pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
OSTREE = "/boot/loader/entries/ostree-1.conf"
# As rpm-ostree does: the default deployment gets the argument.
RPM_OSTREE = f"""\
echo "$@" >>/log
while read -r line; do
    case $line in options*) line="$line ${{2#--append-if-missing=}}" ;; esac
    echo "$line"
done <{OSTREE} >/new && while read -r line; do echo "$line"; done </new >{OSTREE}"""


@in_the_tree
def test_the_tool_of_a_deployment_runs_where_followups_do(machine: Sealed) -> None:
    machine.write(OSTREE, SNIPPET.format("rw"))
    machine.write("/ostree/repo/config", "")
    give_shell(machine.top)
    give_command(machine.top, "rpm-ostree", RPM_OSTREE)
    command = ["rpm-ostree", "kargs", "--append-if-missing=crashkernel=256M"]
    tried = machine.run("set", "256M", "--run-followups", "--dry-run")
    assert (tried["changed"], tried["ran"], (machine.top / "log").exists()) == (True, [command], False)
    done = machine.run("set", "256M", "--run-followups")
    assert (done["changed"], done["ran"], done["files"], done["warnings"]) == (True, [command], [], [])
    assert [each["crashkernel"] for each in done["entries"]] == [["256M"]]
    assert (machine.top / "log").read_text() == "kargs --append-if-missing=crashkernel=256M\n"
    again = machine.run("set", "256M", "--run-followups")
    assert (again["changed"], again["ran"]) == (False, [])


@in_the_tree
def test_a_tool_that_fails_changes_nothing(machine: Sealed) -> None:
    """Neither the menu beside the image, nor the source of new kernels."""
    machine.write("/efi/loader/loader.conf", "default debian*\n")
    machine.write("/efi/EFI/Linux/debian.efi", unified("ro"))
    text = "title T\nversion 6.1.0\nlinux /x/6.1.0/linux\noptions ro\n"
    file = machine.write("/efi/loader/entries/x-6.1.0.conf", text)
    source = machine.write("/etc/kernel/cmdline", "ro\n")
    give_shell(machine.top)
    give_command(machine.top, "mkdir", "exit 0")
    give_command(machine.top, "ukify", "echo no stub >&2; exit 3")
    error = machine.run("set", "256M", "--run-followups", exit=1)["error"]
    assert error["message"].endswith("exit status 3: no stub")
    assert (file.read_text(), source.read_text()) == (text, "ro\n")
    give_command(machine.top, "ukify", 'echo "$@" >/log')
    done = machine.run("set", "256M", "--run-followups")
    addon = "/efi/EFI/Linux/debian.efi.extra.d"
    build = f"build --cmdline=crashkernel=256M --output={addon}/crashkernel.addon.efi"
    assert (machine.top / "log").read_text() == f"{build}\n"
    assert done["ran"] == [["mkdir", "-p", addon], ["ukify", *build.split()]]
    assert [each["path"] for each in done["files"]] == ["/efi/loader/entries/x-6.1.0.conf", "/etc/kernel/cmdline"]
    assert file.read_text() == text.replace("ro\n", "ro crashkernel=256M\n")


@in_the_tree
def test_a_tool_that_the_tree_lacks(machine: Sealed) -> None:
    machine.write(OSTREE, SNIPPET.format("rw"))
    machine.write("/ostree/repo/config", "")
    assert "rpm-ostree: no such command" in machine.run("set", "256M", "--run-followups", exit=1)["error"]["message"]
    # What only a person can do is refused as ever.
    machine.write("/etc/NIXOS", "")
    machine.write("/boot/loader/entries/ostree-1.conf", "title T\nlinux /vmlinuz-6.1.0\noptions ro\n")
    assert "nixos-rebuild" in machine.refusal("set", "256M", "--run-followups")
