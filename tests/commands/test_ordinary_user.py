"""What an ordinary user gets: what cannot be read, once, and no judgement from the rest."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.livetree import debian, put, red_hat
from support.ordinary import ordinary

CLOSED = 0o700 if os.geteuid() == 0 else 0


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A Debian whose menu and files of kdump only root reads."""
    tree = debian(tmp_path)
    secret = [tree / "boot/grub/grub.cfg", tree / "etc/default/kdump-tools", tree / "boot/efi"]
    for each in secret:
        each.chmod(CLOSED)
    yield tree
    for each in secret:
        each.chmod(0o755)


def test_check_says_once_what_is_missing_and_judges_nothing_from_the_rest(closed: Path) -> None:
    done = ordinary(closed, "check", "--json", "--ram", "4G")
    answer = json.loads(done.stdout)
    first, *others = answer["checks"]
    assert (first["check"], first["status"], first["code"]) == ("rights", "not-asked", "permission-denied")
    assert first["fix"] == "run grubkd as root"
    for path in ("/boot/grub/grub.cfg", "/etc/default/kdump-tools", "/boot/efi"):
        assert path in first["message"]
    assert {each["status"] for each in others if each["check"] != "kernel"} == {"not-asked"}
    assert answer["will_dump"] == {"now": None, "next": None}


def test_check_for_people_says_it_first(closed: Path) -> None:
    done = ordinary(closed, "check", "--ram", "4G")
    assert done.stdout.startswith("?          rights: this user cannot read /boot/efi")
    assert done.stdout.count("run grubkd as root") == 1


def test_a_key_of_root_is_not_taken_for_a_missing_one(tmp_path: Path) -> None:
    tree = red_hat(tmp_path)
    put(tree, {"etc/kdump.conf": "auto_reset_crashkernel no\nssh kdump@vault\n", "root/.ssh/kdump_id_rsa": "key"})
    (tree / "root").chmod(CLOSED)
    answer = json.loads(ordinary(tree, "check", "--json", "--ram", "4G").stdout)
    (tree / "root").chmod(0o700)
    found = {(each["check"], each["status"]) for each in answer["checks"]}
    assert ("target", "not-asked") in found
    assert ("configured", "ok") in found
    assert answer["will_dump"]["next"] is None


def test_show_says_it_once(closed: Path) -> None:
    done = ordinary(closed, "show", "--json")
    answer = json.loads(done.stdout)
    assert "error" not in answer, answer
    (warning,) = answer["warnings"]
    assert warning["code"] == "permission-denied"
    assert warning["file"] == "/boot/efi"
    assert warning["message"] == "cannot be read by this user, nor can /etc/default/kdump-tools"
    assert [each["file"] for each in answer["errors"]] == ["/boot/grub/grub.cfg"]
    assert done.returncode == 1


def test_dumps_that_only_root_may_list(closed: Path) -> None:
    (closed / "var/crash").chmod(CLOSED)
    done = ordinary(closed, "dumps")
    (closed / "var/crash").chmod(0o755)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("/var/crash: the dumps in it cannot be listed\n  run grubkd as root\n")


@pytest.mark.parametrize("verb", [("set", "256M"), ("rollback",), ("history",), ("keep", "6.1.0-50-amd64")])
def test_what_needs_root_says_so_and_nothing_else(verb: tuple[str, ...], closed: Path) -> None:
    put(closed, {"var/lib/grubkd/transactions/": ""})
    home = closed / "var/lib/grubkd"
    home.chmod(CLOSED)
    done = ordinary(closed, *verb)
    home.chmod(0o700)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("error") == 1
    assert "run grubkd as root" in done.stderr
