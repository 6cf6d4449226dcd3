"""History that an earlier grubkd wrote: tests/data/journals has its journals, and the files as it left them."""

import json
import os
import shutil
from pathlib import Path

import pytest
from support.machine import Machine

from grubkd.change import disk, record
from grubkd.change.lock import TRANSACTIONS

TOP = Path(__file__).parents[2]
BEFORE = TOP / "fixtures/rhel-9/root"
VERSIONS = sorted((TOP / "tests/data/journals").iterdir())
ENTRY = "/boot/loader/entries/8d2f64c1b0a94e7f93c5d6e7f8091a2b-5.14.0-503.11.1.el9_5.x86_64.conf"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the files of the journals belong to root")


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def upgraded(request: pytest.FixtureRequest, machine: Machine) -> Machine:
    """The tree as a change by that version left it, with its history."""
    shutil.copytree(BEFORE, machine.top, symlinks=True, dirs_exist_ok=True)
    shutil.copytree(request.param / "changed", machine.top, dirs_exist_ok=True)
    (made,) = request.param.glob("*.done")
    put(machine, made.name, made.read_bytes())
    return machine


def put(machine: Machine, name: str, data: bytes) -> Path:
    """A journal with the rights that grubkd gives it."""
    path = machine.write(f"{TRANSACTIONS}/{name}", data)
    path.chmod(0o600)
    for directory in (path.parent, path.parent.parent):
        directory.chmod(0o700)
    return path


def original() -> dict[str, bytes]:
    return {str(each.relative_to(BEFORE)): each.read_bytes() for each in sorted(BEFORE.rglob("*")) if each.is_file()}


def test_it_is_listed(upgraded: Machine) -> None:
    (change,) = upgraded.run("history")["transactions"]
    assert (change["command"], change["wanted"]["by"]) == ("set", "given")
    assert f"{change['id']}.done" in {path.name for path in (upgraded.top / TRANSACTIONS[1:]).iterdir()}


def test_it_is_rolled_back(upgraded: Machine) -> None:
    assert upgraded.files() != original()
    upgraded.run("rollback")
    assert upgraded.files() == original()


def test_it_is_rolled_back_below_a_change_of_today(upgraded: Machine) -> None:
    upgraded.run("set", "256M")
    assert len(upgraded.run("history")["transactions"]) == 2
    upgraded.run("rollback")
    upgraded.run("rollback")
    assert upgraded.files() == original()


def test_only_its_arguments_go_where_a_file_has_changed_since(upgraded: Machine) -> None:
    changed = upgraded.read(ENTRY).replace("options ", "options mitigations=off ")
    upgraded.write(ENTRY, changed)
    upgraded.run("rollback")
    lines = upgraded.lines()
    assert lines[0].startswith("mitigations=off ")
    assert not any("crashkernel=512M" in line for line in lines)


def test_what_it_had_not_finished_is_undone(upgraded: Machine) -> None:
    """The machine went off while that version wrote, and came back with this one."""
    (made,) = (upgraded.top / TRANSACTIONS[1:]).iterdir()
    made.rename(made.with_suffix(".pending"))
    assert upgraded.run("set", "512M")["changed"]
    upgraded.run("rollback")
    assert upgraded.files() == original()


def test_journals_of_this_format_are_among_them() -> None:
    """A new format gets journals of its own; those of each earlier one stay."""
    heads = [json.loads(next(each.glob("*.done")).read_bytes().splitlines()[0]) for each in VERSIONS]
    assert record.VERSION in {head["grubkd"] for head in heads}


def test_a_journal_of_a_later_format_is_left_alone(upgraded: Machine) -> None:
    """After a downgrade: it was not damaged, so nobody is asked to remove it."""
    before = upgraded.files()
    body = b'{"unknown": true}'
    head = json.dumps({"grubkd": record.VERSION + 1, "sha256": disk.digest(body)}).encode()
    id = "20991231-000000-000000"
    path = put(upgraded, f"{id}.done", head + b"\n" + body + b"\n")
    (error,) = upgraded.run("rollback", exit=3)["errors"]
    assert error["message"] == (
        f"the journal cannot be used: version {record.VERSION + 1}, where grubkd knows {record.VERSION}"
    )
    assert error["fix"] == "a later grubkd wrote it: use that one to roll it back"
    assert (upgraded.files(), path.exists()) == (before, True)
