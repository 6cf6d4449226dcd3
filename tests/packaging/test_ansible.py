"""The Ansible collection, built and installed as a user does, under real ansible-core and without a network.

The hosts are image trees. All 50 take minutes, because every task is two processes: the default run has six.
"""

import json
import re
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import livetree
from support.controller import SOURCE, TOP, Ansible

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


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built")
    return Ansible(out, out).build()


@pytest.fixture(scope="module")
def ansible(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Ansible:
    home = tmp_path_factory.mktemp("ansible")
    grubkd = home / "grubkd"
    grubkd.write_text(f'#!/bin/sh\nPYTHONPATH={TOP} exec {sys.executable} -m grubkd "$@"\n')
    grubkd.chmod(0o755)
    found = Ansible(home, grubkd)
    found.install(archive)
    return found


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
# The module uses /, which is the machine that runs the tests.
AS_THE_RUNNING_SYSTEM = """#!{python}
import sys
sys.path[:0] = {paths}
from grubkd.tree.root import Root
Root.live = property(lambda root: True)
from grubkd.cli import main
sys.exit(main([word if word != "/" else {tree!r} for word in sys.argv[1:]]))
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
def test_ansible_lint(ansible: Ansible, tmp_path: Path) -> None:
    """The rules for publication, except one: there is no repository address yet."""
    home = tmp_path / "ansible_collections" / "grubkd" / "kdump"
    shutil.copytree(SOURCE, home, ignore=shutil.ignore_patterns("__pycache__"))
    done = ansible.run(
        "ansible-lint", "--offline", "--nocolor", "--profile=production", "--skip-list=galaxy[no-repository]", home,
        ANSIBLE_COLLECTIONS_PATH=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_archive_holds_the_collection_and_nothing_else(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        names = {member.name for member in opened.getmembers() if member.isfile()}
    shipped = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*") if path.is_file()}
    shipped = {name for name in shipped if "__pycache__" not in name}
    assert names == (shipped - {"galaxy.yml"}) | {"MANIFEST.json", "FILES.json"}
    assert names >= {"README.md", "meta/runtime.yml", "plugins/modules/crashkernel.py", "changelogs/changelog.yaml"}


def test_the_documentation_is_complete(ansible: Ansible) -> None:
    done = ansible.run("ansible-doc", "--json", "grubkd.kdump.crashkernel")
    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)["grubkd.kdump.crashkernel"]
    source = (SOURCE / "plugins/modules/crashkernel.py").read_text()
    taken = re.findall(r'^            "(\w+)": \{"type"', source, re.M)
    assert len(taken) > 10
    assert set(printed["doc"]["options"]) == set(taken)
    assert set(printed["return"]) == {"reboot_required", "transaction", "followups", "grubkd", "hint", "command", "rc"}
    assert printed["examples"].count("grubkd.kdump.crashkernel:") == 6


def test_the_role_is_documented(ansible: Ansible) -> None:
    done = ansible.run("ansible-doc", "--json", "-t", "role", "grubkd.kdump.kdump")
    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)["grubkd.kdump.kdump"]["entry_points"]["main"]["options"]
    defaults = (SOURCE / "roles/kdump/defaults/main.yml").read_text()
    assert set(printed) == set(re.findall(r"^(kdump_\w+):", defaults, re.M))


def test_the_role_in_an_image_tree(ansible: Ansible, tmp_path: Path) -> None:
    """The role sets what grubkd chooses, and verifies with grubkd check that it is configured."""
    hosts = trees(tmp_path, 2)
    del hosts["host1"]
    role = {"kdump_source": "none", "kdump_executable": str(ansible.grubkd), "kdump_ram": "4G"}
    done = ansible.play(
        hosts,
        "- hosts: all\n  gather_facts: false\n  roles: [grubkd.kdump.kdump]\n",
        "-e",
        json.dumps({**role, "kdump_root": hosts["host0"]["root"]}),
    )
    assert (done.status, done.hosts("changed")) == (0, {"host0"}), done.out + done.err
    assert '"msg": "configured: no problem"' in done.out
    assert (
        'GRUB_CMDLINE_LINUX="crashkernel=384M-:128M"' in (Path(hosts["host0"]["root"]) / "etc/default/grub").read_text()
    )


def test_whether_a_reboot_is_required(ansible: Ansible, tmp_path: Path) -> None:
    """With a grubkd that treats a tree as the running system: false before the change, then true until the reboot."""
    tree = livetree.debian(tmp_path)
    command = tmp_path / "grubkd"
    command.write_text(AS_THE_RUNNING_SYSTEM.format(python=sys.executable, paths=[str(TOP)], tree=str(tree)))
    command.chmod(0o755)
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
