"""What `set` answers: which entries hold which value, what is reserved, whether to reboot; and words it refuses."""

import shutil
from pathlib import Path

import pytest
from support import livetree
from support.answered import Run, answer
from support.livetree import FIXTURES, Live

from grubkd.cli import main
from grubkd.commands.change import Request
from grubkd.commands.check import check_tree
from grubkd.commands.set import answer as set_answer

VALUE = "384M-:128M"
BOOTED_WITHOUT = {**livetree.running("6.1.0-50-amd64", "quiet", 0), "sys/kernel/kexec_crash_loaded": "0\n"}


def copy(tmp_path: Path, name: str) -> Path:
    tree = tmp_path / name
    shutil.copytree(FIXTURES / name / "root", tree, symlinks=True)
    (tree / "var/lib").mkdir(parents=True)
    return tree


def run(tree: Path, *arguments: str) -> Run:
    return answer(lambda: main([*arguments, "--root", str(tree)]))


def last(found: Run) -> list[str]:
    """The answer without the files and the transaction."""
    skip = ("changed ", "created ", "transaction ")
    return [line for line in found.text.splitlines() if not line.startswith(skip)]


def test_the_outcome_in_a_few_lines(tmp_path: Path) -> None:
    tree = copy(tmp_path, "debian-12-plain")
    outcome = [
        "256M: entries 0-2 (6.1.0-50-amd64) and new kernels",
        "entry 1 (6.1.0-50-amd64) reserves: 256M, place varies",
    ]
    assert last(run(tree, "set", "256M", "--ram", "4G")) == outcome
    # What changes nothing says so, and gives the same facts.
    assert last(run(tree, "set", "256M", "--ram", "4G")) == ["nothing to change", *outcome]
    assert last(run(tree, "set", "128M", "--kernel", "0", "--ram", "4G")) == [
        "128M: entry 0 (6.1.0-50-amd64)",
        "entry 0 (6.1.0-50-amd64) reserves: 128M, place varies",
    ]
    assert last(run(tree, "unset")) == [
        "no value: entries 0-2 (6.1.0-50-amd64) and new kernels",
        "entry 1 (6.1.0-50-amd64) reserves: nothing",
    ]
    # Of other arguments the files say enough.
    assert last(run(tree, "set", "--arg", "console=tty0")) == []


def test_the_odds_and_what_is_not_known(tmp_path: Path) -> None:
    tree = copy(tmp_path, "debian-12-plain")
    assert last(run(tree, "set", "64M@16M", "--ram", "4G"))[-1].endswith("reserves: probably 64M (96.8 %)")
    assert last(run(tree, "set", "256M"))[-1].endswith("reserves: unknown, since the amount of RAM is not known")
    assert last(run(tree, "set", "2G", "--ram", "1G", "--force"))[-1].startswith(
        "entry 1 (6.1.0-50-amd64) reserves: nothing, since "
    )


def test_a_dry_run_ends_with_the_same(tmp_path: Path) -> None:
    tree = copy(tmp_path, "debian-12-plain")
    tried = run(tree, "set", "256M", "--ram", "4G", "--dry-run").text.splitlines()
    assert tried[-3:-1] == [
        "would change 2 files; nothing is written",
        "256M: entries 0-2 (6.1.0-50-amd64) and new kernels",
    ]


def test_recovery_entries_that_get_no_value_are_named(tmp_path: Path) -> None:
    """kdump-tools' drop-in sets GRUB_CMDLINE_LINUX_DEFAULT, from which no recovery entry is made."""
    assert last(run(copy(tmp_path, "debian-12"), "set", "256M", "--ram", "4G"))[:2] == [
        "256M: entries 0-1, 3 (6.1.0-50-amd64, 6.1.0-44-amd64) and new kernels",
        "no value: recovery entries 2, 4 (6.1.0-50-amd64, 6.1.0-44-amd64), which the generator makes without it",
    ]


def test_plan_and_set_agree_on_recovery_entries(tmp_path: Path) -> None:
    tree = copy(tmp_path, "debian-12")
    planned = run(tree, "plan", "--ram", "4G", "--json").json["entries"]
    done = run(tree, "set", "--auto", "--ram", "4G", "-v", "--json")
    assert {each["index"]: each["values"] for each in planned} == {
        each["index"]: each["crashkernel"] for each in done.json["entries"] if each["crashkernel"]
    }
    assert [line for line in done.stderr.splitlines() if "chose nothing" in line] == [
        f"grubkd: chose nothing for entry {index}: its generator makes it without the value" for index in (2, 4)
    ]
    rows = run(tree, "plan", "--ram", "4G").text.splitlines()
    assert [row.split()[0] for row in rows if row.endswith("recovery: gets none")] == ["2", "4"]
    # In a menu without the drop-in the recovery entry gets the value, and plan shows it.
    plain = run(copy(tmp_path, "debian-12-plain"), "plan", "--ram", "4G", "--json").json["entries"]
    assert [each["index"] for each in plain] == [0, 1, 2]


DROP_IN = "etc/default/grub.d/kdump-tools.cfg"


@pytest.mark.parametrize("value", [VALUE, "256M"])
def test_kdump_tools_after_grubkd_leaves_one_value(value: str, tmp_path: Path) -> None:
    """Its drop-in, and the update-grub of its installation, add a second value: check names the command."""
    tree = copy(tmp_path, "debian-12-plain")
    assert run(tree, "set", value, "--ram", "4G").exit == 0
    (tree / DROP_IN).parent.mkdir()
    shutil.copy(FIXTURES / "debian-12/root" / DROP_IN, tree / DROP_IN)
    menu = tree / "boot/grub/grub.cfg"
    menu.write_text(menu.read_text().replace("  quiet\n", f"  quiet crashkernel={VALUE}\n"))
    assert f" --ram 4G {VALUE}\n" in run(tree, "check", "--ram", "4G").text.partition("-> grubkd set ")[2]
    done = run(tree, "set", VALUE, "--ram", "4G", "--json")
    assert [each["path"] for each in done.json["files"]] == ["/boot/grub/grub.cfg", "/etc/default/grub"]
    assert [each["crashkernel"] for each in done.json["entries"]] == [[VALUE], [VALUE], []]
    # The recovery entry had the value of GRUB_CMDLINE_LINUX: that it loses it is said.
    assert [(each["code"], each["line"]) for each in done.json["warnings"]] == [("loses-value", 124)]
    assert (tree / DROP_IN).read_bytes() == (FIXTURES / "debian-12/root" / DROP_IN).read_bytes()


def test_until_the_reboot_check_asks_for_it_alone(tmp_path: Path) -> None:
    tree = livetree.debian(tmp_path)
    assert run(tree, "unset").exit == 0
    livetree.put(tree, {**BOOTED_WITHOUT, "proc/cmdline": "root=/dev/sda ro quiet\n"})
    before = answer(lambda: check_tree(Live(str(tree)), json=False))
    assert "grubkd set --auto && systemctl reboot" in before.text
    done = answer(lambda: set_answer(Live(str(tree)), Request("set", (), (VALUE,))))
    assert done.text.splitlines()[-2] == "reboot to take effect"
    after = answer(lambda: check_tree(Live(str(tree)), json=False))
    assert after.exit == 4
    assert "systemctl reboot" in after.text
    assert "grubkd set" not in after.text
    # Until then nothing else is to be done.
    again = answer(lambda: set_answer(Live(str(tree)), Request("set", (), (VALUE,))))
    assert again.text.splitlines()[::3] == ["nothing to change", "reboot to take effect"]


def test_the_running_kernel_by_its_word(tmp_path: Path) -> None:
    tree = livetree.debian(tmp_path)
    livetree.put(tree, livetree.running("6.1.0-44-amd64", "quiet", 0))
    done = answer(lambda: set_answer(Live(str(tree)), Request("set", ("running",), ("256M",)), json=True))
    assert [(each["index"], each["crashkernel"]) for each in done.json["entries"]] == [(3, ["256M"]), (4, ["256M"])]


@pytest.mark.parametrize(
    "given", [("256M,high 72M,low",), (" 256M,high\t crashkernel=72M,low ",), ("256M,high", "72M,low")]
)
def test_two_values_in_one_argument(given: tuple[str, ...], tmp_path: Path) -> None:
    found = run(copy(tmp_path, "debian-12-plain"), "set", *given, "--ram", "8G", "--json")
    assert found.json["values"] == ["256M,high", "72M,low"]


@pytest.mark.parametrize(
    ("arguments", "exit", "message"),
    [
        (("set", "\u20ac"), 2, "column 1 of VALUE: '\u20ac' is not valid here in '\u20ac'"),
        (("set", "25\u00e06M"), 2, "column 3 of VALUE: '\u00e0' is not valid here in '25\u00e06M'"),
        (("set", "\u2018256M\u2019"), 2, "column 1 of VALUE: a stray quote"),
        (("set", "256M\xb4"), 2, "column 5 of VALUE: a stray quote"),
        (("set", " "), 2, "the value is empty"),
        (("sett", "256M"), 2, "no command 'sett'; did you mean set"),
        (("chek",), 2, "no command 'chek'; did you mean check?"),
        (("xyzzy",), 2, "no command 'xyzzy'\n"),
        (("set", "--arg", "foo=1", "--remove-arg", "foo"), 2, "--remove-arg and --arg of foo exclude each other"),
        (("set", "--arg", "foo=1", "--add-arg", "foo=2"), 2, "--arg and --add-arg of foo exclude each other"),
        (("set", "--add-arg", "a=1", "--remove-arg", "a=1"), 2, "--remove-arg and --add-arg of a exclude each other"),
        (("set", "--remove-arg", "root"), 4, "entry 0 (Red Hat Enterprise Linux (5.14.0-503.11.1.el9_5.x86_64) 9.5"),
        (("set", "--remove-arg", "root"), 4, "may not boot without root=/dev/mapper/rhel-root"),
        (("set", "256M", "--remove-arg", "rd.lvm.lv=rhel/root"), 4, "may not boot without rd.lvm.lv=rhel/root"),
    ],
)
def test_words_that_are_refused(arguments: tuple[str, ...], exit: int, message: str, tmp_path: Path) -> None:
    tree = copy(tmp_path, "rhel-9")
    found = answer(lambda: main([*arguments, *(("--root", str(tree)) if arguments[0] == "set" else ())]))
    assert (found.exit, found.text) == (exit, "")
    assert message in found.stderr
    assert not (tree / "var/lib/grubkd").exists()


@pytest.mark.parametrize(
    "arguments",
    [("--remove-arg", "init"), ("--remove-arg", "root", "--force"), ("--remove-arg", "a=1", "--add-arg", "a=2")],
)
def test_what_stops_no_boot_or_is_forced_is_removed(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert run(copy(tmp_path, "rhel-9"), "set", *arguments).exit == 0


def test_of_two_roots_one_may_go(tmp_path: Path) -> None:
    tree = copy(tmp_path, "rhel-9")
    assert run(tree, "set", "--force", "--add-arg", "root=/dev/sdb", "--json").json["changed"]
    assert run(tree, "set", "--remove-arg", "root=/dev/sdb", "--json").json["changed"]


def test_a_kernel_of_no_entry_is_named_by_its_release(tmp_path: Path) -> None:
    found = run(tmp_path, "predict", "crashkernel=256M", "--kernel", "0")
    assert found.exit == 4
    assert "--release RELEASE" in found.stderr
