"""The role grubkd.kdump.kdump and the module grubkd.kdump.facts under real ansible-core, on trees."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from support import livetree
from support.controller import SOURCE, TOP, Ansible, Played, as_the_running_system

ROLE = "- hosts: all\n  gather_facts: false\n  roles: [grubkd.kdump.kdump]\n"
# Nothing is installed, and no service of the machine that runs the tests is touched.
NOTHING_ELSE = {"kdump_source": "none", "kdump_service": ""}


def tree(home: Path, kind: str) -> Path:
    root = home / kind
    shutil.copytree(TOP / "fixtures" / kind / "root", root, symlinks=True)
    (root / "var/lib").mkdir(parents=True, exist_ok=True)
    return root


def run_role(ansible: Ansible, executable: Path, *arguments: str, **variables: Any) -> Played:
    given = {**NOTHING_ELSE, "kdump_executable": str(executable), **variables}
    return ansible.play({"host": {}}, ROLE, "-e", json.dumps(given), *arguments)


def test_the_role_is_documented(ansible: Ansible) -> None:
    done = ansible.run("ansible-doc", "--json", "-t", "role", "grubkd.kdump.kdump")
    # ansible-core 2.21 warns of a collection of its own, by a path that may be in this directory.
    assert (done.returncode, "grubkd" in done.stderr.replace(str(TOP), "")) == (0, False), done.stderr
    printed = json.loads(done.stdout)["grubkd.kdump.kdump"]["entry_points"]["main"]["options"]
    defaults = (SOURCE / "roles/kdump/defaults/main.yml").read_text()
    assert set(printed) == set(re.findall(r"^(kdump_\w+):", defaults, re.M))


def test_in_an_image_tree(ansible: Ansible, tmp_path: Path) -> None:
    """The role sets what grubkd chooses, and verifies with grubkd check that it is configured."""
    root = tree(tmp_path, "debian-12-plain")
    done = run_role(ansible, ansible.grubkd, kdump_root=str(root), kdump_ram="4G")
    assert (done.status, done.hosts("changed")) == (0, {"host"}), done.out + done.err
    assert '"msg": "configured: no problem"' in done.out
    assert 'GRUB_CMDLINE_LINUX="crashkernel=384M-:128M"' in (root / "etc/default/grub").read_text()


CHOICE = """
- hosts: all
  gather_facts: false
  pre_tasks:
    - {name: facts, ansible.builtin.set_fact: {cacheable: true, ansible_os_family: "{{ family }}",
       ansible_distribution: "{{ name }}", ansible_distribution_major_version: "{{ major }}"}, tags: always}
  roles: [grubkd.kdump.kdump]
  post_tasks:
    - {name: chosen, ansible.builtin.debug: {msg: "{{ {'service': kdump_service, 'packages': kdump_to_install} }}"},
       tags: chosen}
"""
DISTRIBUTIONS = {
    "debian": ("Debian", "Debian", "12", "kdump-tools", ["kdump-tools", "makedumpfile"]),
    "ubuntu": ("Debian", "Ubuntu", "24", "kdump-tools", ["kdump-tools", "makedumpfile"]),
    "rhel8": ("RedHat", "RedHat", "8", "kdump", ["kexec-tools"]),
    "stream9": ("RedHat", "CentOS", "9", "kdump", ["kexec-tools"]),
    "rhel10": ("RedHat", "RedHat", "10", "kdump", ["kdump-utils"]),
    "fedora40": ("RedHat", "Fedora", "40", "kdump", ["kexec-tools"]),
    "fedora44": ("RedHat", "Fedora", "44", "kdump", ["kdump-utils"]),
    "amazon": ("RedHat", "Amazon", "2023", "kdump", ["kexec-tools"]),
    "sles": ("Suse", "SLES", "15", "kdump", ["kdump"]),
    "gentoo": ("Gentoo", "Gentoo", "2", "", []),
}


def test_packages_and_service_are_the_distribution_s(ansible: Ansible) -> None:
    """--tags: the tasks of the role itself do not run."""
    hosts = {host: dict(zip(("family", "name", "major"), each, strict=False)) for host, each in DISTRIBUTIONS.items()}
    done = ansible.play(hosts, CHOICE, "--tags", "chosen")
    assert done.status == 0, done.out + done.err
    assert {host: done.task(host, "chosen").result["msg"] for host in hosts} == {
        host: {"service": service, "packages": ["grubkd", *packages]}
        for host, (_, _, _, service, packages) in DISTRIBUTIONS.items()
    }
    absent = ansible.play(hosts, CHOICE, "--tags", "chosen", "-e", "kdump_state=absent kdump_source=none")
    assert {tuple(absent.task(host, "chosen").result["msg"]["packages"]) for host in hosts} == {()}


def test_absent_leaves_a_service_that_is_not_installed(ansible: Ansible, tmp_path: Path) -> None:
    command = as_the_running_system(livetree.debian(tmp_path), tmp_path / "grubkd")
    done = run_role(ansible, command, kdump_state="absent", kdump_service="no-such-kdump")
    assert done.status == 0, done.out + done.err
    assert done.task("host", "Disable and stop the service").state == "skipping"
    assert done.task("host", "Set the reservation").result["changed"]


# Variables of the role kdump of linux-system-roles, as its documentation has them.
OF_SYSTEM_ROLE = {
    "kdump_target": {"type": "ssh", "location": "kdump@dumps.example.com"},
    "kdump_path": "/srv/dumps",
    "kdump_core_collector": "makedumpfile -l --message-level 7 -d 31",
    "kdump_system_action": "reboot",
    "kdump_ssh_user": "kdump",
    "kdump_ssh_server": "dumps.example.com",
    "kdump_sshkey": "/root/.ssh/kdump_id_rsa",
    "kdump_reboot_ok": True,
    "kdump_reboot_required": True,
    "kdump_auto_reset_crashkernel": False,
    "kdump_dracut_args": "--print-cmdline",
    "kdump_sysconfig": {"KDUMP_KEEP_OLD_DUMPS": 5},
}


def test_beside_the_system_role(ansible: Ansible, tmp_path: Path) -> None:
    """Its variables have other names than ours, and change nothing here."""
    defaults = (SOURCE / "roles/kdump/defaults/main.yml").read_text()
    computed = (SOURCE / "roles/kdump/vars/main.yml").read_text()
    registered = "".join(path.read_text() for path in (SOURCE / "roles/kdump/tasks").iterdir())
    ours = set(re.findall(r"^(kdump_\w+):", defaults + computed, re.M))
    ours |= set(re.findall(r"register: (\w+)", registered))
    assert ours & set(OF_SYSTEM_ROLE) == set()
    kinds = ("with", "without")
    roots = {name: tree(tmp_path / name, "rhel-9") for name in kinds}
    for name in kinds:
        others = OF_SYSTEM_ROLE if name == "with" else {}
        done = run_role(ansible, ansible.grubkd, kdump_root=str(roots[name]), kdump_ram="8G", **others)
        assert (done.status, done.hosts("changed")) == (0, {"host"}), done.out + done.err
    texts = {name: (roots[name] / "etc/default/grub").read_text() for name in kinds}
    assert texts["with"] == texts["without"]
    assert "crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M" in texts["with"]


def test_no_test_crash_without_a_capture_kernel(ansible: Ansible, tmp_path: Path) -> None:
    """The reason is grubkd's own, and the machine is not crashed."""
    live = livetree.debian(tmp_path)
    (live / "sys/kernel/kexec_crash_loaded").write_text("0\n")
    command = as_the_running_system(live, tmp_path / "grubkd")
    given = {"kdump_value": "384M-:128M", "kdump_test_crash": True, "kdump_verify": False, "kdump_load_timeout": 1}
    done = run_role(ansible, command, **given)
    assert done.hosts("failed") == {"host"}, done.out + done.err
    last = done.tasks("host")[-1]
    assert last.name == "Require that a capture kernel is loaded"
    assert last.result["msg"].startswith("no test crash: ")
    assert "no capture kernel is loaded" in last.result["msg"]
    assert not (live / "var/lib/grubkd/crash-test.json").exists()


def test_check_mode_crashes_nothing(ansible: Ansible, tmp_path: Path) -> None:
    command = as_the_running_system(livetree.debian(tmp_path), tmp_path / "grubkd")
    done = run_role(ansible, command, "--check", kdump_value="384M-:128M", kdump_test_crash=True)
    assert (done.status, done.hosts("changed")) == (0, set()), done.out + done.err
    assert "Crash, and wait for the machine" not in {each.name for each in done.tasks("host")}


JUDGE = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Judge
      ansible.builtin.include_role: {name: grubkd.kdump.kdump, tasks_from: judge_crash}
"""


KDUMP = TOP / "tests/fuzz/corpus/vmcore/kdump"
KDUMP_TIME = 1_795_406_400


@pytest.mark.parametrize(
    ("saved", "verdict"),
    [
        (False, "test crash failed: no dump of that time is in /var/crash"),
        (True, "test crash passed: /var/crash/202611230000, 50 s after the crash"),
    ],
    ids=["no dump", "a dump"],
)
def test_the_verdict_on_a_test_crash(ansible: Ansible, tmp_path: Path, saved: bool, verdict: str) -> None:
    """By what `grubkd crash` left over the boot, and the beginning of a real dump."""
    live = livetree.debian(tmp_path)
    begun = {"boot_id": "old", "time": KDUMP_TIME - 20, "release": "6.1.0-50-cloud-amd64", "target": "/var/crash"}
    livetree.put(live, {"var/lib/grubkd/crash-test.json": json.dumps(begun)})
    if saved:
        dump = livetree.grow(live, {"var/crash/202611230000/dump.202611230000": KDUMP.read_bytes()})
        os.utime(dump / "var/crash/202611230000/dump.202611230000", (KDUMP_TIME + 30, KDUMP_TIME + 30))
    command = as_the_running_system(live, tmp_path / "grubkd")
    done = ansible.play({"host": {"kdump_executable": str(command)}}, JUDGE)
    assert done.task("host", "Judge the test crash").result["msg"] == verdict, done.out + done.err
    assert done.hosts("failed") == (set() if saved else {"host"})


FACTS = """
- hosts: all
  gather_facts: false
  tasks:
    - {name: look, grubkd.kdump.facts: {root: "{{ root }}", ram: "{{ ram }}", executable: "{{ executable }}"}}
    - {name: first, ansible.builtin.debug: {msg: "{{ ansible_facts.grubkd['values'] }}"}}
"""


def test_the_facts_of_a_machine(ansible: Ansible, tmp_path: Path) -> None:
    command = as_the_running_system(livetree.debian(tmp_path), tmp_path / "grubkd")
    done = ansible.play({"host": {"root": "/", "ram": "", "executable": str(command)}}, FACTS, "--check")
    assert (done.status, done.hosts("changed")) == (0, set()), done.out + done.err
    found = done.task("host", "look").result["ansible_facts"]["grubkd"]
    assert set(found) == {
        "entries", "new_kernels", "values", "recommended", "reservation", "will_dump", "findings", "service", "target",
        "errors",
    }  # fmt: skip
    assert [each["title"] for each in found["entries"]][:1] == ["Debian GNU/Linux"]
    # The recovery entries have none.
    assert done.task("host", "first").result["msg"] == ["384M-:128M", ""]
    assert found["recommended"]["values"] == ["384M-:128M"]
    assert found["reservation"] == {
        "release": "6.1.0-50-amd64", "crashkernel": ["384M-:128M"], "reserved_bytes": 128 << 20, "loaded": True,
    }  # fmt: skip
    assert found["service"] == {"name": "kdump-tools", "enabled": True}
    assert {"configured", "booted", "reserved", "loaded"} <= {
        each["check"] for each in found["findings"] if each["status"] == "ok"
    }


def test_the_facts_of_trees(ansible: Ansible, tmp_path: Path) -> None:
    """A file that is not understood is a warning, with its place; a tree without a boot loader has no entries."""
    kinds = ("rhel-9-broken-script", "no-bootloader")
    hosts = {kind: {"root": str(tree(tmp_path, kind)), "ram": "4G"} for kind in kinds}
    done = ansible.play(hosts, FACTS)
    assert done.status == 0, done.out + done.err
    broken, empty = (done.task(kind, "look").result["ansible_facts"]["grubkd"] for kind in kinds)
    assert [(each["file"], each["line"], each["column"]) for each in broken["errors"]] == [
        ("/boot/grub2/grub.cfg", 45, 1)
    ]
    assert "/boot/grub2/grub.cfg:45:1: not understood" in " ".join((done.out + done.err).split())
    assert (empty["entries"], empty["values"], empty["reservation"]) == ([], [], None)


def test_facts_of_no_directory(ansible: Ansible, tmp_path: Path) -> None:
    done = ansible.play({"host": {"root": str(tmp_path / "none"), "ram": ""}}, FACTS)
    failure = done.result("host")
    assert (done.hosts("failed"), failure["rc"]) == ({"host"}, failure["grubkd"]["exit"])
    assert str(tmp_path / "none") in failure["msg"]
