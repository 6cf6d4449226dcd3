"""The Ansible collection, built and installed as a user does, under real ansible-core and without a network.

The hosts are image trees. All 50 take minutes, because every task is two processes: the default run has six.
"""

import json
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import livetree
from support.controller import SOURCE, TOP, Ansible, as_the_running_system

KINDS = ("debian-12-plain", "rhel-6", "fedora-11-i386", "rhel-9-s390x-zipl", "debian-13-systemd-boot")
BROKEN = "rhel-9-broken-script"
VALUE = "192M"
SET = """
- hosts: all
  gather_facts: false
  tasks:
    - grubkd.kdump.crashkernel:
        value: "{{ value }}"
        root: "{{ root }}"
        executable: "{{ executable }}"
"""


UNTIL_THE_REBOOT = """
- hosts: all
  gather_facts: false
  module_defaults:
    grubkd.kdump.crashkernel: {value: 192M, executable: "{{ executable }}"}
  tasks:
    - {name: as it was booted, grubkd.kdump.crashkernel: {value: "384M-:128M", auto: false}}
    - {name: both, grubkd.kdump.crashkernel: {auto: true}, ignore_errors: true}
    - {name: foreseen, grubkd.kdump.crashkernel: {}, check_mode: true}
    - {name: set, grubkd.kdump.crashkernel: {}}
    - {name: again, grubkd.kdump.crashkernel: {}}
    - {name: boot, ansible.builtin.copy: {dest: "{{ tree }}/proc/cmdline", content: %s}}
    - {name: booted, grubkd.kdump.crashkernel: {}}
"""


def trees(home: Path, count: int) -> dict[str, dict[str, Any]]:
    """Hosts, each with a copy of a tree; the last one's grub.cfg is damaged."""
    found = {}
    for number in range(count):
        kind = BROKEN if number == count - 1 else KINDS[number % len(KINDS)]
        root = home / f"host{number}"
        shutil.copytree(TOP / "fixtures" / kind / "root", root, symlinks=True)
        (root / "var/lib").mkdir(parents=True, exist_ok=True)
        found[f"host{number}"] = {"root": str(root), "kind": kind}
    return found


def bytes_of(hosts: dict[str, dict[str, Any]]) -> dict[str, tuple[bytes, int, int]]:
    """The bytes, time and inode of every file of the trees."""
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        for variables in hosts.values()
        for path in Path(variables["root"]).rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def scenario(ansible: Ansible, home: Path, count: int) -> Iterator[None]:
    """Check mode, the change, and the same again; each time only the broken host fails."""
    hosts = trees(home, count)
    broken = f"host{count - 1}"
    sound = set(hosts) - {broken}
    untouched = bytes_of(hosts)

    foreseen = ansible.play(hosts, SET, "--check", "--diff", "-e", f"value={VALUE}")
    assert bytes_of(hosts) == untouched
    assert (foreseen.hosts("changed"), foreseen.hosts("failed")) == (sound, {broken}), foreseen.out + foreseen.err
    assert foreseen.out.count(f'+GRUB_CMDLINE_LINUX="crashkernel={VALUE}"') == len(
        [each for each in hosts.values() if each["kind"] == "debian-12-plain"]
    )
    yield

    first = ansible.play(hosts, SET, "-e", f"value={VALUE}")
    assert (first.hosts("changed"), first.hosts("failed")) == (sound, {broken}), first.out + first.err
    assert first.status != 0
    for name in sound:
        assert [each["path"] for each in first.result(name)["grubkd"]["files"]] == [
            each["path"] for each in foreseen.result(name)["grubkd"]["files"]
        ]
        assert first.result(name)["reboot_required"] is False
    failure = first.result(broken)
    assert failure["msg"].startswith("/boot/grub2/grub.cfg:45:1: not understood: '}'")
    assert (failure["rc"], failure["grubkd"]["error"]["code"]) == (3, "not-understood")
    assert failure["hint"] == failure["grubkd"]["error"]["fix"]
    changed = bytes_of(hosts)
    root = hosts[broken]["root"]
    assert {path: each for path, each in changed.items() if path.startswith(f"{root}/")} == {
        path: each for path, each in untouched.items() if path.startswith(f"{root}/")
    }
    yield

    second = ansible.play(hosts, SET, "-e", f"value={VALUE}")
    assert (second.hosts("changed"), second.hosts("failed")) == (set(), {broken}), second.out + second.err
    assert second.hosts("ok") == sound
    assert bytes_of(hosts) == changed
    yield


def test_a_few_trees(ansible: Ansible, tmp_path: Path) -> None:
    assert len(list(scenario(ansible, tmp_path, 6))) == 3


@pytest.mark.long
def test_fifty_trees(ansible: Ansible, tmp_path: Path) -> None:
    """51 hosts: 50 change, the broken one does not."""
    assert len(list(scenario(ansible, tmp_path, 51))) == 3


@pytest.mark.long
def test_ansible_lint(tmp_path: Path) -> None:
    """The rules for publication, except two: there is no repository address yet; Debian 12 has ansible-core 2.14."""
    home = tmp_path / "ansible_collections" / "grubkd" / "kdump"
    shutil.copytree(SOURCE, home, ignore=shutil.ignore_patterns("__pycache__"))
    done = Ansible(tmp_path, tmp_path).run(
        "ansible-lint", "--offline", "--nocolor", "--profile=production",
        "--skip-list=galaxy[no-repository],meta-runtime[unsupported-version]", home,
        ANSIBLE_COLLECTIONS_PATH=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_archive_holds_the_collection_and_nothing_else(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        names = {member.name for member in opened.getmembers() if member.isfile()}
    shipped = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*") if path.is_file()}
    shipped = {name for name in shipped if "__pycache__" not in name}
    assert names == (shipped - {"galaxy.yml"}) | {"MANIFEST.json", "FILES.json"}
    modules = {f"plugins/modules/{name}.py" for name in ("crashkernel", "facts")}
    assert names >= modules | {"README.md", "meta/runtime.yml", "changelogs/changelog.yaml"}


@pytest.mark.parametrize("name", ["crashkernel", "facts"])
def test_the_documentation_is_complete(ansible: Ansible, name: str) -> None:
    done = ansible.run("ansible-doc", "--json", f"grubkd.kdump.{name}")
    # ansible-core 2.21 warns of a collection of its own.
    assert (done.returncode, "grubkd" in done.stderr) == (0, False), done.stderr
    printed = json.loads(done.stdout)[f"grubkd.kdump.{name}"]
    taken = re.findall(r'^            "(\w+)": \{"type"', (SOURCE / f"plugins/modules/{name}.py").read_text(), re.M)
    assert len(taken) >= 4
    assert set(printed["doc"]["options"]) == set(taken)
    assert printed["examples"].count(f"grubkd.kdump.{name}:") == {"crashkernel": 6, "facts": 1}[name]
    own = {"crashkernel": {"reboot_required", "transaction", "followups"}, "facts": {"ansible_facts"}}
    assert set(printed["return"]) == own[name] | {"grubkd", "hint", "command", "rc"}


def test_an_error_says_what_its_column_counts(ansible: Ansible, tmp_path: Path) -> None:
    """The value has no file and no line; a file's error has both."""
    done = ansible.play(trees(tmp_path, 2), SET, "-e", "value=256K4")
    assert done.hosts("failed") == {"host0", "host1"}
    assert done.result("host0")["msg"].startswith("column 5 of VALUE: '4' is not part of a size, in '256K4' (")


def test_whether_a_reboot_is_required(ansible: Ansible, tmp_path: Path) -> None:
    """With a grubkd that treats a tree as the running system: false before the change, then true until the reboot."""
    tree = livetree.debian(tmp_path)
    command = as_the_running_system(tree, tmp_path / "grubkd")
    booted = json.dumps((tree / "proc/cmdline").read_text().replace("384M-:128M", VALUE))
    done = ansible.play({"live": {"executable": str(command), "tree": str(tree)}}, UNTIL_THE_REBOOT % booted)
    assert done.status == 0, done.out + done.err
    assert [(each.name, each.result["changed"], each.result.get("reboot_required")) for each in done.tasks("live")] == [
        ("as it was booted", False, False),
        ("both", False, None),
        ("foreseen", True, True),
        ("set", True, True),
        ("again", False, True),
        ("boot", True, None),
        ("booted", False, False),
    ]
    assert done.task("live", "both").result["msg"] == "value and auto exclude each other"


def test_planning_a_fleet_from_an_inventory(ansible: Ansible) -> None:
    """Machines that are not contacted, and one with facts that no kernel has."""
    printed = {"plan_ram": 8 << 30, "plan_arch": "x86_64", "plan_release": "5.14.0-570.12.1.el9_6.x86_64"}
    hosts = {"web": printed, "small": {**printed, "plan_ram": 512 << 20}, "odd": {**printed, "plan_release": "x"}}
    variables = {
        "plan_value": "1G-4G:192M,4G-:256M",
        "plan_output": str(ansible.home / "answers"),
        "plan_executable": str(ansible.grubkd),
    }
    done = ansible.play(hosts, "grubkd.kdump.plan", "-e", json.dumps(variables))
    assert done.status == 0, done.out + done.err
    answers = [json.loads(line) for line in (ansible.home / "answers").read_text().splitlines()]
    assert [
        (each["id"], each.get("request", {}).get("size"), each.get("error", {}).get("code")) for each in answers
    ] == [
        ("web", 256 << 20, None),
        ("small", 0, None),
        ("odd", None, "usage"),
    ]
