"""`grubkd grubby`: its answers and changes, by grubby's documented behaviour, and by calls of programs that use it."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from commands.test_fixtures import FIXTURES, copy_of, run, snapshot, without_inodes
from support.answered import Run, answer

from grubkd.cli import main

ID = "8d2f64c1b0a94e7f93c5d6e7f8091a2b"
NEW, OLD, RESCUE = "5.14.0-503.11.1.el9_5.x86_64", "5.14.0-427.13.1.el9_4.x86_64", f"0-rescue-{ID}"
FIRST = f"""\
index=0
kernel="/boot/vmlinuz-{NEW}"
args="ro resume=/dev/mapper/rhel-swap rd.lvm.lv=rhel/root rd.lvm.lv=rhel/swap $tuned_params"
root="/dev/mapper/rhel-root"
initrd="/boot/initramfs-{NEW}.img $tuned_initrd"
title="Red Hat Enterprise Linux ({NEW}) 9.5 (Plow)"
id="{ID}-{NEW}"
"""
DEFAULT_GRUB, CMDLINE, BLOCK = "etc/default/grub", "etc/kernel/cmdline", "boot/grub2/grubenv"
SCRIPT = Path(__file__).parents[2] / "integrations" / "grubby" / "grubby"


@pytest.fixture
def rhel9(tmp_path: Path) -> Path:
    return copy_of(FIXTURES / "rhel-9", tmp_path)


def grubby(root: Path, call: str) -> Run:
    """What a call answers that is written as in a shell."""
    program, *arguments = shlex.split(call)
    assert program == "grubby"
    return answer(lambda: main(["grubby", "--root", str(root), *arguments]))


def silent(root: Path, call: str) -> None:
    assert grubby(root, call) == (0, "", "")


def snippet(root: Path, release: str) -> Path:
    return root / f"boot/loader/entries/{ID}-{release.removesuffix(f'-{ID}')}.conf"


def options(root: Path, release: str) -> list[str]:
    (line,) = (each for each in snippet(root, release).read_text().splitlines() if each.startswith("options "))
    return line.split()[1:]


def test_info_of_one_entry_however_it_is_named(rhel9: Path) -> None:
    for selector in (
        f"/boot/vmlinuz-{NEW}",
        f"/vmlinuz-{NEW}",
        "0",
        "DEFAULT",
        f"'TITLE=Red Hat Enterprise Linux ({NEW}) 9.5 (Plow)'",
    ):
        for option in (f"--info={selector}", f"--info {selector}", f"--inf {selector}"):
            assert grubby(rhel9, f"grubby {option}") == (0, FIRST, "")


def test_info_of_all_counts_the_snippets_only(rhel9: Path) -> None:
    text = grubby(rhel9, "grubby --info=ALL").text
    assert text.startswith(f"{FIRST}index=1\n")
    assert [line for line in text.splitlines() if line.startswith(("index", "kernel"))] == [
        part for n, each in enumerate((NEW, OLD, RESCUE)) for part in (f"index={n}", f'kernel="/boot/vmlinuz-{each}"')
    ]
    assert grubby(rhel9, "grubby --info=2,0").text.startswith("index=2\n")


def test_kernelopts_is_expanded_and_root_is_no_argument() -> None:
    lines = grubby(FIXTURES / "rhel-8" / "root", "grubby --info=DEFAULT").text.splitlines()
    assert lines[2] == (
        'args="ro crashkernel=auto resume=/dev/mapper/rhel-swap rd.lvm.lv=rhel/root rd.lvm.lv=rhel/swap rhgb quiet'
        ' $tuned_params"'
    )
    assert lines[3] == 'root="/dev/mapper/rhel-root"'


def test_a_path_of_the_boot_loader_becomes_that_of_the_system() -> None:
    root = FIXTURES / "fedora-44-btrfs" / "root"
    assert "linux /boot/boot/vmlinuz-7.0.2" in (
        (root / "boot/loader/entries/5f1c0a9b7d3e4c61a2b8e0d94f7c6a35-7.0.2-200.fc44.x86_64.conf").read_text()
    )
    kernel = "/boot/vmlinuz-7.0.2-200.fc44.x86_64"
    assert grubby(root, "grubby --default-kernel") == (0, f"{kernel}\n", "")
    assert grubby(root, f"grubby --info={kernel}").text.startswith(f'index=0\nkernel="{kernel}"\n')


def test_a_menu_of_grub_legacy_is_shown_without_quotes() -> None:
    lines = grubby(FIXTURES / "rhel-6" / "root", "grubby --info=DEFAULT").text.splitlines()
    assert lines[:2] == ["index=0", "kernel=/boot/vmlinuz-2.6.32-642.el6.x86_64"]
    assert lines[2].startswith('args="ro rd_NO_LUKS ')
    assert lines[3:] == [
        "root=/dev/mapper/vg_rhel6-lv_root",
        "initrd=/boot/initramfs-2.6.32-642.el6.x86_64.img",
        "title=Red Hat Enterprise Linux Server (2.6.32-642.el6.x86_64)",
    ]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("grubby --default-kernel", f"/boot/vmlinuz-{NEW}\n"),
        ("grubby --default-index", "0\n"),
        ("grubby --default-title", f"Red Hat Enterprise Linux ({NEW}) 9.5 (Plow)\n"),
        ("grubby --default-k", f"/boot/vmlinuz-{NEW}\n"),
    ],
)
def test_the_default_entry(rhel9: Path, call: str, said: str) -> None:
    assert grubby(rhel9, call) == (0, said, "")


@pytest.mark.parametrize("param", ["9", "0,9", "/boot/vmlinuz-5.14", "/boot/vmlinuz-.*", "TITLE=Red Hat", "Red"])
@pytest.mark.parametrize("option", ["--info", "--update-kernel", "--set-default"])
def test_a_selector_that_means_nothing(rhel9: Path, option: str, param: str) -> None:
    before = snapshot(rhel9)
    call = f"grubby --args=quiet {option} '{param}'"
    assert grubby(rhel9, call) == (1, "", f"The param {param} is incorrect\n")
    assert snapshot(rhel9) == before


def test_arguments_of_all_entries_and_of_new_kernels(rhel9: Path) -> None:
    before = snapshot(rhel9)
    silent(rhel9, "grubby --update-kernel=ALL --args='audit=1 quiet'")
    for release in (NEW, OLD, RESCUE):
        assert {"audit=1", "quiet"} <= set(options(rhel9, release))
    assert "audit=1 quiet" in (rhel9 / DEFAULT_GRUB).read_text()
    assert "audit=1 quiet" in (rhel9 / CMDLINE).read_text()
    (past,) = run(["history", "--root", str(rhel9), "--json"]).answer["transactions"]
    assert (past["command"], past["wanted"]["arguments"]) == ("grubby", ["set audit=1", "set quiet"])
    assert run(["rollback", "--root", str(rhel9), "--json"]).exit == 0
    assert without_inodes(snapshot(rhel9)) == without_inodes(before)


def test_the_same_call_again_changes_nothing(rhel9: Path) -> None:
    silent(rhel9, "grubby --update-kernel=ALL --args=audit=1")
    before = snapshot(rhel9)
    silent(rhel9, "grubby --update-kernel=ALL --args=audit=1")
    assert snapshot(rhel9) == before


def test_the_source_stays_if_it_is_asked(rhel9: Path) -> None:
    sources = [(rhel9 / name).read_bytes() for name in (DEFAULT_GRUB, CMDLINE)]
    silent(rhel9, "grubby --no-etc-grub-update --update-kernel=ALL --args=audit=1")
    assert all("audit=1" in options(rhel9, release) for release in (NEW, OLD, RESCUE))
    assert [(rhel9 / name).read_bytes() for name in (DEFAULT_GRUB, CMDLINE)] == sources


def test_one_kernel_changes_no_other_file(rhel9: Path) -> None:
    before = snapshot(rhel9)
    silent(rhel9, f"grubby --update-kernel /boot/vmlinuz-{OLD} --args debug")
    changed = [path for path, node in snapshot(rhel9).items() if node != before[path]]
    assert changed == [f"/boot/loader/entries/{ID}-{OLD}.conf"]
    assert "debug" in options(rhel9, OLD)


def test_what_is_removed_goes_first(rhel9: Path) -> None:
    silent(rhel9, "grubby --update-kernel=1 --remove-args=crashkernel --args=crashkernel=512M")
    assert [each for each in options(rhel9, OLD) if "crashkernel" in each] == ["crashkernel=512M"]
    silent(rhel9, "grubby --args='console=ttyS0 console=tty0' --update-kernel=1 --remove-args='crashkernel console'")
    assert [each for each in options(rhel9, OLD) if each.startswith(("crash", "con"))] == [
        "console=ttyS0",
        "console=tty0",
    ]
    silent(rhel9, "grubby --update-kernel=1 --remove-args=console=tty0")
    assert [each for each in options(rhel9, OLD) if each.startswith("con")] == ["console=ttyS0"]


def test_a_name_is_no_pattern_and_no_part_of_a_name(rhel9: Path) -> None:
    before = options(rhel9, OLD)
    silent(rhel9, "grubby --update-kernel=1 --remove-args='r. re rd resum.*'")
    assert options(rhel9, OLD) == before


def test_a_quoted_argument_is_one(rhel9: Path) -> None:
    silent(rhel9, """grubby --update-kernel=1 --args='dyndbg="file a.c +p" quiet'""")
    assert 'dyndbg="file a.c +p" quiet' in snippet(rhel9, OLD).read_text()
    silent(rhel9, "grubby --update-kernel=1 --remove-args=dyndbg")
    assert "dyndbg" not in snippet(rhel9, OLD).read_text()
    assert "+p" not in snippet(rhel9, OLD).read_text()


@pytest.mark.parametrize(
    "call",
    [
        f"grubby --set-default=/boot/vmlinuz-{OLD}",
        f"grubby --set-default /boot/vmlinuz-{OLD}",
        "grubby --set-default-index=1",
        f"grubby --set-default 'TITLE=Red Hat Enterprise Linux ({OLD}) 9.5 (Plow)'",
    ],
)
def test_set_default(rhel9: Path, call: str) -> None:
    before = snapshot(rhel9)
    said = f"The default is /boot/loader/entries/{ID}-{OLD}.conf with index 1 and kernel /boot/vmlinuz-{OLD}\n"
    assert grubby(rhel9, call) == (0, "", said)
    assert grubby(rhel9, "grubby --default-index").text == "1\n"
    assert run(["rollback", "--root", str(rhel9), "--json"]).exit == 0
    assert without_inodes(snapshot(rhel9)) == without_inodes(before)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("grubby", "no action specified"),
        ("grubby --args=quiet", "no action specified"),
        ("grubby --add-kernel=/boot/vmlinuz-1 --title=x --copy-default --args=quiet", "kernel-install add"),
        (f"grubby --remove-kernel=/boot/vmlinuz-{OLD}", "kernel-install remove"),
        (f"grubby --update-kernel=ALL --args=quiet --remove-kernel=/boot/vmlinuz-{OLD}", "kernel-install remove"),
        ("grubby --update-kernel=ALL --args=quiet --set-default-index=1", "are two changes"),
        (
            "grubby --info=ALL --env=/tmp/grubenv",
            "--env /tmp/grubenv: the boot configuration of this tree is not there",
        ),
        ("grubby --info=ALL -b /tmp/entries", "--bls-directory /tmp/entries"),
        ("grubby --info=ALL --zipl", "--zipl: this tree does not boot with it"),
    ],
)
def test_what_is_not_done_changes_nothing(rhel9: Path, call: str, why: str) -> None:
    before = snapshot(rhel9)
    status, text, story = grubby(rhel9, call)
    assert (status, text) == (1, "")
    assert why in story
    assert snapshot(rhel9) == before


def test_a_layout_without_a_place_for_the_default(tmp_path: Path) -> None:
    root = copy_of(FIXTURES / "debian-12", tmp_path)
    status, _, story = grubby(root, "grubby --set-default-index=1")
    assert status == 1
    assert "the menu sets default=0" in story


def test_paths_of_the_tree_are_accepted(rhel9: Path) -> None:
    given = "--grub2 --bad-image-okay --env=/boot/grub2/grubenv -b /boot/loader/entries/ -c /boot/grub2/grub.cfg"
    assert grubby(rhel9, f"grubby {given} --info=0") == (0, FIRST, "")
    zipl = FIXTURES / "rhel-9-s390x-zipl" / "root"
    assert grubby(zipl, "grubby --zipl -c /etc/zipl.conf --default-index") == (0, "0\n", "")


def test_under_root_zipl_is_left_to_run(tmp_path: Path) -> None:
    root = copy_of(FIXTURES / "rhel-9-s390x-zipl", tmp_path)
    left = "now run, in that system: zipl\n"
    assert grubby(root, "grubby --zipl --update-kernel=DEFAULT --args=debug") == (0, "", left)
    status, text, story = grubby(root, "grubby --set-default-index=1")
    assert (status, text) == (0, "")
    assert story.startswith("The default is /boot/loader/entries/4c1d7e0a9b3f4a51b7c2d8e6f0a1b2c3-5.14.0-503.11.1.")
    assert story.endswith(left)
    assert grubby(root, "grubby --default-index").text == "1\n"


def test_an_option_that_may_mean_two_is_refused(rhel9: Path) -> None:
    assert grubby(rhel9, "grubby --default").exit == 2


def test_the_command_named_grubby(rhel9: Path) -> None:
    def called(*arguments: str) -> tuple[int, str, str]:
        program = rhel9.parent / "grubkd"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m grubkd "$@"\n')
        program.chmod(0o755)
        environment = {"GRUBKD": str(program), "GRUBKD_ROOT": str(rhel9), "PATH": "/usr/bin:/bin"}
        environment["PYTHONPATH"] = str(SCRIPT.parents[2])
        done = subprocess.run([SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    assert called("--info", "DEFAULT") == (0, FIRST, "")
    assert called("--default")[0] == 1


# The calls of other programs, as their sources have them (values filled in).
READS = {
    "Insights, specs/default.py": ["grubby --default-index", "grubby --default-kernel", "grubby --info=ALL"],
    "leapp, scansourcekernel and others": [f"grubby --info /boot/vmlinuz-{NEW}", "grubby --info ALL"],
    "the bootloader role, bootloader_facts": ["grubby --info=ALL", "grubby --default-index"],
    "Linux test suites": ["grubby --info DEFAULT"],
}
CHANGES = {
    "Cockpit, kernelopt.sh set": ("grubby --args='mitigations=off' --update-kernel=ALL", "mitigations=off"),
    "the kdump role": ("grubby --args=crashkernel=auto --update-kernel=ALL", "crashkernel=auto"),
    "the bootloader role": ("grubby --update-kernel=ALL --args='debug print-fatal-signals=1'", "print-fatal-signals=1"),
    "the bootloader role, by title": (
        f"grubby --update-kernel='TITLE=Red Hat Enterprise Linux ({OLD}) 9.5 (Plow)' --args=debug",
        "debug",
    ),
    "leapp, kernelcmdlineconfig": (
        f"grubby --update-kernel=/boot/vmlinuz-{OLD} --args=net.naming-scheme=rhel-8.0",
        "net.naming-scheme=rhel-8.0",
    ),
    "ComplianceAsCode, grub2_ipv6_disable": (
        "grubby --update-kernel=ALL --args=ipv6.disable=1 --env=/boot/grub2/grubenv",
        "ipv6.disable=1",
    ),
    "ComplianceAsCode, grub2_audit_backlog_limit": (
        "grubby --update-kernel=ALL --args=audit_backlog_limit=8192 --env=/boot/grub2/grubenv",
        "audit_backlog_limit=8192",
    ),
    "a shortened option": ("grubby --args=iommu=pt --update=ALL", "iommu=pt"),
}
REMOVES = {
    "Cockpit, kernelopt.sh remove": "grubby --remove-args='crashkernel' --update-kernel=ALL",
    "ComplianceAsCode, a disallowed argument": (
        "grubby --update-kernel=ALL --remove-args=crashkernel --env=/boot/grub2/grubenv"
    ),
    "the bootloader role, previous: replaced": (
        f"grubby --update-kernel=/boot/vmlinuz-{OLD} --remove-args='ro crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M "
        "resume=/dev/mapper/rhel-swap rd.lvm.lv=rhel/root rd.lvm.lv=rhel/swap $tuned_params'"
    ),
}


@pytest.mark.parametrize("caller", READS)
def test_what_others_read(rhel9: Path, caller: str) -> None:
    for call in READS[caller]:
        status, text, story = grubby(rhel9, call)
        assert (status, story) == (0, "")
        assert text in ("0\n", f"/boot/vmlinuz-{NEW}\n") or text.startswith(FIRST)


@pytest.mark.parametrize("caller", CHANGES)
def test_what_others_set(rhel9: Path, caller: str) -> None:
    call, argument = CHANGES[caller]
    silent(rhel9, call)
    assert argument in options(rhel9, OLD)


@pytest.mark.parametrize("caller", REMOVES)
def test_what_others_remove(rhel9: Path, caller: str) -> None:
    silent(rhel9, REMOVES[caller])
    assert "crashkernel" not in snippet(rhel9, OLD).read_text()
    assert "root=/dev/mapper/rhel-root" in options(rhel9, OLD)


def test_the_calls_of_convert2rhel(rhel9: Path) -> None:
    """Its action FixInvalidGrub2Entries pins what boots by default: --default-kernel, then --set-default with that."""
    (rhel9 / BLOCK).write_text("# GRUB Environment Block\n".ljust(1024, "#"))
    kernel = grubby(rhel9, "grubby --default-kernel").text.strip()
    assert kernel == f"/boot/vmlinuz-{NEW}"
    assert grubby(rhel9, f"grubby --set-default {kernel}").exit == 0
    assert f"\nsaved_entry={ID}-{NEW}\n" in (rhel9 / BLOCK).read_text()


def test_a_remediation_without_arguments_changes_nothing(rhel9: Path) -> None:
    """ComplianceAsCode, grub2_disable_recovery."""
    before = snapshot(rhel9)
    silent(rhel9, "grubby --update-kernel=ALL --env=/boot/grub2/grubenv")
    assert snapshot(rhel9) == before
