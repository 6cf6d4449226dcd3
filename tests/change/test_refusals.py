"""What set must not write: the code, the exit status, the place, and not a byte changed."""

from typing import Any

import pytest
from support.machine import Machine

LEGACY = "/boot/grub/grub.conf"


def refused(machine: Machine, *argv: str) -> dict[str, Any]:
    """The error of a run that exits 4 and changes nothing."""
    files = machine.files()
    answer = machine.run(*argv, exit=4)
    assert answer["exit"] == 4
    assert machine.files() == files
    error: dict[str, Any] = answer["error"]
    return error


def title(arguments: str, release: str = "6.1.0-50-amd64") -> str:
    return f"title A\n\tkernel /vmlinuz-{release} {arguments}\n"


@pytest.mark.parametrize(("arch", "size"), [("x86_64", 2048), ("arm64", 2048), ("riscv64", 1024), ("s390x", 4096)])
def test_a_line_that_the_kernel_would_cut(machine: Machine, arch: str, size: int) -> None:
    """With BOOT_IMAGE= and the path before it; the last byte is the kernel's own NUL."""
    added = len("BOOT_IMAGE=/vmlinuz-6.1.0-50-amd64 ") + len(" crashkernel=256M")
    machine.write("/boot/extlinux/extlinux.conf", "label a\nlinux /vmlinuz-6.1.0-50-amd64\nappend x=FILL\n")
    fits = "x=" + "f" * (size - 1 - added - 2)
    for filling, expected in ((fits, 0), (f"{fits}f", 4)):
        text = f"label a\nlinux /vmlinuz-6.1.0-50-amd64\nappend {filling}\n"
        machine.write("/boot/extlinux/extlinux.conf", text)
        status, answer = machine.call("set", "256M", "--arch", arch, "--force")
        assert status == expected, answer
        if status:
            assert answer["error"]["code"] == "too-long"
            assert f"the kernel reads {size - 1}" in answer["error"]["message"]


def test_a_quote_that_is_never_closed_is_refused_at_its_column(machine: Machine) -> None:
    machine.write(LEGACY, title('ro dyndbg="file a.c quiet'))
    error = refused(machine, "set", "--add-arg", "rd.debug")
    assert (error["code"], error["file"], error["line"], error["column"]) == ("cannot-hold", LEGACY, 2, 43)


def test_the_token_with_the_pages_stray_quote_is_replaced(machine: Machine) -> None:
    machine.write(LEGACY, title('ro crashkernel=64M@16M" quiet'))
    assert machine.call("set", "256M")[0] == 0
    assert (machine.top / LEGACY.lstrip("/")).read_text() == title("ro crashkernel=256M quiet")


@pytest.mark.parametrize("hidden", ["nocrashkernel=64M", 'note="a crashkernel=64M b"', "foo.crashkernel=64M"])
def test_a_text_that_the_kernel_would_take_for_the_value(machine: Machine, hidden: str) -> None:
    machine.write(LEGACY, title(f"ro crashkernel=128M {hidden}"))
    error = refused(machine, "set", "256M")
    assert (error["code"], error["line"]) == ("foreign-value", 2)
    assert "--remove-arg" in error["fix"]


def test_such_a_text_before_a_plain_value_loses(machine: Machine) -> None:
    machine.write(LEGACY, title("ro nocrashkernel=64M crashkernel=128M"))
    assert machine.call("set", "256M")[0] == 0
    assert refused(machine, "set", "256M,high", "72M,low")["code"] == "foreign-value"


def test_an_environment_block_that_would_not_hold_it(machine: Machine) -> None:
    block = "# GRUB Environment Block\nkernelopts=root=/dev/vda1 x=" + "f" * 960 + "\n"
    machine.write("/boot/grub2/grubenv", block.ljust(1024, "#"))
    machine.write("/boot/grub2/grub.cfg", "blscfg\n")
    machine.write("/boot/loader/entries/a.conf", "title A\nlinux /vmlinuz-4.18.0-1.el8.x86_64\noptions $kernelopts\n")
    assert refused(machine, "set", "1G-4G:192M,4G-64G:256M,64G-:512M")["code"] == "too-long"


@pytest.mark.parametrize("argument", ["x=a;reboot", "x=$(reboot)", "x=`reboot`", "x=a|b", "x=a'b", "x=a\\b"])
def test_no_argument_becomes_code_of_the_boot_loader(machine: Machine, argument: str) -> None:
    """GRUB runs the options of a snippet as script: what it cannot hold is refused, never written."""
    machine.write("/boot/grub2/grub.cfg", "blscfg\n")
    machine.write("/boot/loader/entries/a.conf", "title A\nlinux /vmlinuz-6.1.0-1.x86_64\noptions ro\n")
    status, answer = machine.call("set", "--add-arg", argument)
    text = (machine.top / "boot/loader/entries/a.conf").read_text()
    if status == 4:
        assert answer["error"]["code"] == "cannot-hold"
        assert text.endswith("options ro\n")
    else:
        assert argument == "x=`reboot`"  # to GRUB a backtick is a letter like any other
        assert text.endswith(f"options ro {argument}\n")


@pytest.mark.parametrize(
    "argv",
    [
        ["set"],
        ["set", "256M", "--auto"],
        ["set", "--arg", "crashkernel=1M"],
        ["set", "--add-arg", "crashkernel=1M"],
        ["set", "--arg", "a b"],
        ["set", "--arg", "=x"],
        ["set", "--add-arg", "--"],
        ["set", "--arg", 'x="y'],
        ["set", "256M", "300M"],
        ["set", "128"],
        ["set", "256M", "--regenerate", "--kernel", "0"],
    ],
)
def test_usage_errors_change_nothing(machine: Machine, argv: list[str]) -> None:
    machine.write(LEGACY, title("ro"))
    status, answer = machine.call(*argv)
    assert (status, answer["exit"]) == (2, 2)
    assert (machine.top / LEGACY.lstrip("/")).read_text() == title("ro")


def test_nothing_to_edit(machine: Machine) -> None:
    assert refused(machine, "set", "256M")["code"] == "no-bootloader"
    assert machine.call("show")[0] == 0


def test_a_value_that_would_not_boot_needs_force(machine: Machine) -> None:
    """i386 from 6.8 on tries for ever where a plain size fits nowhere below 512M."""
    machine.write(LEGACY, title("ro", "6.12.0-1-686-pae"))
    argv = ["set", "600M", "--ram", "1G", "--arch", "i386"]
    assert refused(machine, *argv)["code"] == "would-not-boot"
    status, answer = machine.call(*argv, "--force")
    assert status == 0
    assert [warning["code"] for warning in answer["warnings"]] == ["would-not-boot"]


def test_a_value_that_might_not_boot_needs_force_too(machine: Machine) -> None:
    """KASLR may put the kernel where a plain size then fits nowhere."""
    machine.write(LEGACY, title("ro", "6.12.0-1-686-pae"))
    argv = ["set", "400M", "--ram", "2G", "--arch", "i386"]
    error = refused(machine, *argv)
    assert (error["code"], "might not boot" in error["message"]) == ("would-not-boot", True)
    assert machine.call(*argv, "--force")[0] == 0


def test_an_argument_of_any_language_is_legible_in_a_message(machine: Machine) -> None:
    machine.write("/boot/loader/entries/a.conf", "title A\nversion 6.1.0\nlinux /vmlinuz-6.1.0\noptions ro\n")
    error = refused(machine, "set", "--arg", 'größe="漢\n字"')
    assert error["message"].startswith("""'größe="漢\\n字"': """)
