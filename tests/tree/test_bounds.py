"""Trees made to use up memory or time: at most 200 MB and 5 s of processor time, and the bound in the message."""

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from grubkd.change import disk
from grubkd.cli import main
from grubkd.errors import InputOutput
from grubkd.machine import kernels
from grubkd.tree.root import LARGEST_FILE, LONGEST_LINE, MOST_LINES, MOST_SEPARATORS, Root

TOP = Path(__file__).parents[2]
MOST_MEMORY = 200 << 10  # KiB
MOST_TIME = 10.0  # 5 s on a machine that does nothing else; processor time doubles on one that does
ID = "20260101-000000-000000"
GRUB_CFG = "boot/grub2/grub.cfg"
MENU = "menuentry 'Linux' {\n\tlinux /vmlinuz-6.1.0-1-amd64 root=/dev/sda1 ro\n}\n"
MIB = 1 << 20


def write(top: Path, path: str, data: bytes | str) -> None:
    file = top / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.encode() if isinstance(data, str) else data)


def sparse(top: Path, path: str, size: int) -> None:
    write(top, path, b"")
    os.truncate(top / path, size)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    write(tmp_path, "tree/" + GRUB_CFG, MENU)
    write(tmp_path, "tree/etc/default/grub", 'GRUB_CMDLINE_LINUX=""\n')
    write(tmp_path, "tree/etc/os-release", "ID=debian\nVERSION_ID=12\n")
    write(tmp_path, "tree/usr/sbin/grub-mkconfig", "for x in /etc/default/grub.d/*.cfg\n")
    return tmp_path / "tree"


# The peak of its own memory: that of a child process counts what its parent had.
RUN = """
import atexit, sys
def report():
    with open("/proc/self/status") as file:
        print(file.read(), file=sys.stderr)
atexit.register(report)
from grubkd.cli import main
sys.exit(main(sys.argv[1:]))
"""


def bounded(top: Path, *argv: str) -> int:
    """Run grubkd; returns its exit status. Fails above the bounds."""
    command = [sys.executable, "-c", RUN, *argv, "--root", str(top)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, check=False, cwd=TOP, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", done.stderr)[-1])
    print(f"{argv[0]}: exit {done.returncode}, {peak >> 10} MiB, {taken:.1f} s")
    assert "Traceback" not in done.stderr
    assert peak < MOST_MEMORY, f"{argv}: {peak >> 10} MiB"
    assert taken < MOST_TIME, f"{argv}: {taken:.1f} s"
    return done.returncode


def sparse_files(top: Path) -> None:
    for number in range(300):
        sparse(top, f"etc/default/grub.d/{number}.cfg", 8 * MIB)


def files_at_the_bound(top: Path) -> None:
    for number in range(300):
        write(top, f"etc/default/grub.d/{number}.cfg", b"A=" + b"x" * (LARGEST_FILE - 3) + b"\n")


def snippets(top: Path) -> None:
    for number in range(100):
        sparse(top, f"boot/loader/entries/{number}.conf", 8_000_000)


def many_snippets(top: Path) -> None:
    for number in range(5000):
        write(top, f"boot/loader/entries/{number}.conf", f"title {number}\nlinux /vmlinuz\noptions quiet\n")


def long_word(top: Path) -> None:
    write(top, GRUB_CFG, MENU.replace(" ro\n", " " + "x" * (7 * MIB) + "\n"))


def long_word_at_the_bound(top: Path) -> None:
    write(
        top, GRUB_CFG, MENU.replace(" ro\n", " " + "x" * (LONGEST_LINE - 200) + "\n") * (LARGEST_FILE // LONGEST_LINE)
    )


def many_words(top: Path) -> None:
    write(top, GRUB_CFG, MENU.replace(" ro\n", " a" * (LARGEST_FILE // 2 - 200) + "\n"))


def words_at_the_bound(top: Path) -> None:
    line = MENU.replace(" ro\n", " a" * (LONGEST_LINE // 2 - 200) + "\n")
    write(top, GRUB_CFG, line + MENU.replace(" ro\n", " a" * (MOST_SEPARATORS - LONGEST_LINE // 2 - 1000) + "\n"))


def lines_at_the_bound(top: Path) -> None:
    write(top, GRUB_CFG, MENU + "a b\n" * (MOST_LINES - 1000))


def assignments_at_the_bound(top: Path) -> None:
    write(top, "etc/default/grub", "A=1\n" * (MOST_LINES - 1000))


def many_commands(top: Path) -> None:
    write(top, GRUB_CFG, MENU + "a\n" * (LARGEST_FILE // 2 - 200))


def many_assignments(top: Path) -> None:
    write(top, "etc/default/grub", "A=1\n" * (LARGEST_FILE // 4))


def many_options(top: Path) -> None:
    for number in range(4):
        write(top, f"boot/loader/entries/{number}.conf", "options a\n" * (LARGEST_FILE // 10 - 10))


def chain(top: Path) -> None:
    """38 links of 4 KB, each of which walks up and down."""
    entries = top / "boot/loader/entries"
    entries.mkdir(parents=True)
    for number in range(38):
        (entries / f"l{number}.conf").symlink_to("./" * 1000 + "../entries/" * 150 + f"l{number + 1}.conf")
    write(entries, "l38.conf", "title x\n")


def many_chains(top: Path) -> None:
    chain(top)
    for number in range(2000):
        (top / f"boot/loader/entries/m{number}.conf").symlink_to("../entries/" * 90 + "l38.conf")


TREES = [
    sparse_files,
    files_at_the_bound,
    snippets,
    many_snippets,
    long_word,
    long_word_at_the_bound,
    many_words,
    words_at_the_bound,
    lines_at_the_bound,
    assignments_at_the_bound,
    many_commands,
    many_assignments,
    many_options,
    chain,
    many_chains,
]


# check reads what show reads, and more.
@pytest.mark.parametrize("verbs", ["set check", pytest.param("show", marks=pytest.mark.long)])
@pytest.mark.parametrize("make", TREES)
def test_a_configuration_without_end(top: Path, make: Callable[[Path], None], verbs: str) -> None:
    make(top)
    for verb in verbs.split():
        status = bounded(top, verb, "256M" if verb == "set" else "--json")
        assert status in (0, 1, 3, 4, 5)


@pytest.mark.parametrize("count", [400, pytest.param(3000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", ["legacy", "grub2", "bls", "extlinux"])
def test_many_entries_and_kernels_are_read(
    tmp_path: Path, kind: str, count: int, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(TOP / "tests/bench")
    trees = import_module("trees")
    trees.make(kind, tmp_path / "tree", count, trees.Kernels(tmp_path / "kernels"))
    root = f"--root={tmp_path / 'tree'}"
    assert main(["show", "--json", root]) == 0
    assert len(json.loads(capfd.readouterr().out)["entries"]) == count
    assert main(["set", "256M", "--dry-run", root]) == 0
    assert capfd.readouterr().out.count("+") >= count


@pytest.mark.parametrize(
    ("release", "options"), [("5.14.0-503.el9.x86_64", ["--ram=4G"]), ("5.14.0-70.el9.aarch64", [])]
)
def test_many_different_values(top: Path, capfd: pytest.CaptureFixture[str], release: str, options: list[str]) -> None:
    """Each needs up to a second: the first ones are judged, and the warning names the first that is not."""
    values = [f"{1200 + size}M{place}" for size in range(100) for place in ("", "@3723K")]
    menu = MENU.replace("6.1.0-1-amd64", release)
    write(top, GRUB_CFG, "".join(menu.replace(" ro\n", f" ro crashkernel={value}\n") for value in values))
    assert bounded(top, "check", "--json", *options) == 4
    capfd.readouterr()
    assert main(["show", "--json", *options, "--root", str(top)]) == 0
    warnings = {each["code"]: each for each in json.loads(capfd.readouterr().out)["warnings"]}
    assert re.search(r"--kernel \d+$", warnings["not-judged"]["fix"])
    assert warnings["values-disagree"]["message"].endswith("; and 198 more values)")


def test_configuration_files_of_kernels_have_a_bound_of_their_own(top: Path) -> None:
    for number in range(600):
        sparse(top, f"boot/config-6.1.0-{number}-amd64", MIB)
    with pytest.raises(InputOutput, match="configuration files of the kernels are larger than 512 MiB"):
        kernels.read(Root(str(top)))


def test_configuration_files_of_kernels_that_repeat_an_option(top: Path) -> None:
    write(top, "boot/config-6.1.0-0-amd64", b"CONFIG_KEXEC=y\n" * (MIB // 15))
    for number in range(1, 500):
        (top / f"boot/config-6.1.0-{number}-amd64").hardlink_to(top / "boot/config-6.1.0-0-amd64")
    assert bounded(top, "show", "--json") == 0


def journal(body: bytes) -> bytes:
    return json.dumps({"grubkd": 1, "sha256": disk.digest(body)}).encode() + b"\n" + body + b"\n"


def members(**more: object) -> bytes:
    found = {"id": ID, "time": "2026-01-01T00:00:00Z", "command": "set", "wanted": {}, "by": "given", "undoes": None}
    return json.dumps(found | {"followups": [], "directories": [], "files": []} | more).encode()


FILES = [{"path": f"/boot/{number}/grub.cfg", "before": None, "after": None} for number in range(4000)]
JOURNALS = {
    "brackets": lambda: b"[" * (28 * MIB) + b"]" * (28 * MIB),
    "lists": lambda: members(wanted={}).replace(b'"files": []', b'"files": [' + b"[]," * (5 * MIB) + b"[]]"),
    "followups": lambda: members().replace(
        b'"followups": []', b'"followups": [' + b'["zipl"],' * 6_000_000 + b'["zipl"]]'
    ),
    "followups below the bound": lambda: members(followups=[["zipl"]] * 49_000),
    "numbers": lambda: members().replace(b'"wanted": {}', b'"wanted": {"a": [' + b"1," * 400_000 + b"1]}"),
    "a text": lambda: members(wanted={"a": "x" * (15 * MIB)}),
    "directories": lambda: members(files=FILES, directories=[f"/boot/{number}" for number in range(4000)]),
    "digits": lambda: members().replace(b'"wanted": {}', b'"wanted": {"a": ' + b"1" * (8 * MIB) + b"}"),
}


# The first two verbs of each kind read such a journal whole, the others at least look at it.
READERS = {"pending": ["set 256M", "show --json", "history", "rollback"]}
READERS["done"] = READERS["pending"][2:] + READERS["pending"][:2]


@pytest.mark.parametrize("verbs", [slice(2), pytest.param(slice(2, 4), marks=pytest.mark.long)], ids=["read", "look"])
@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", JOURNALS)
def test_a_journal_without_end(top: Path, name: str, kind: str, verbs: slice) -> None:
    write(top, f"var/lib/grubkd/transactions/{ID}.{kind}", journal(JOURNALS[name]()))
    for command in READERS[kind][verbs]:
        assert bounded(top, *command.split()) in (0, 1, 3, 4, 5)


def test_the_largest_history(top: Path) -> None:
    """As many journals as are kept, each of a menu of 3,000 entries."""
    slots = [["/boot/grub2/grub.cfg", "Linux", "/vmlinuz", "", number, [], ["quiet"]] for number in range(15_000)]
    for number in range(64):
        id = f"20260101-000000-{number:06}"
        write(top, f"var/lib/grubkd/transactions/{id}.done", journal(members(id=id, slots=slots, kernels=[])))
    assert bounded(top, "history", "--json") == 0
    assert bounded(top, "rollback", "--dry-run") == 0


def test_a_history_of_journals_that_cannot_be_used(top: Path) -> None:
    """Nothing of them stays in memory but why."""
    for number in range(64):
        id = f"20260101-000000-{number:06}"
        body = members(id=id, files=FILES[:1], directories=["/boot/0"] * 60_000)
        write(top, f"var/lib/grubkd/transactions/{id}.done", journal(body))
    assert bounded(top, "history", "--json") == 3


@pytest.mark.parametrize("where", ["boot", "lib/modules"])
def test_links_to_one_large_directory_are_bounded(top: Path, where: str) -> None:
    large = top / "srv/large"
    large.mkdir(parents=True)
    for number in range(2000):
        (large / f"f{number}").touch()
    (top / where).mkdir(parents=True, exist_ok=True)
    for number in range(3000):
        (top / where / f"l{number}").symlink_to("/srv/large")
    for verb in ("show", "check"):
        assert bounded(top, verb, "--json") == 1
