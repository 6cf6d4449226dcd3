"""The journals in /var/lib/grubkd: as bytes, and as a record whose checksum an attacker has corrected.

A journal that can be read is then used for history, for a forced rollback, and for recovery: it may change nothing
outside the tree, and only boot configuration inside it, which gets no privileges.
"""

import json
import os
import tempfile
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from random import Random

from grubkd.change import TRANSACTIONS, history, places, record
from grubkd.change.record import Malformed, Record
from grubkd.change.rollback import rollback
from grubkd.errors import GrubkdError
from grubkd.text import from_user, to_display
from grubkd.tree.root import Root

ID = "20260101-000000-000001"
TOKENS = [
    *(b'"path"', b'"before"', b'"after"', b'"data"', b'"mode"', b'"uid"', b'"xattrs"', b'"followups"', b'"undoes"'),
    *(b"/etc/passwd", b"/boot/grub2/grub.cfg", b"../", b"/boot/loader/entries/", b".conf", b"\\u0000", b"\\ud800"),
    *(b"[]", b"{}", b"null", b'""', b"1e5", b"-0", b'"security.capability"', b"20260101-000000-000000"),
]
_HOME = tempfile.TemporaryDirectory(prefix="grubkd-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
_OUTSIDE = Path(_HOME.name) / "outside"
_TREE = Path(_HOME.name) / "tree"


_VALUES = [
    *(
        None,
        True,
        0,
        -1,
        1,
        2**31,
        2**63,
        2**64,
        10**30,
        1.5,
        "",
        "x",
        [],
        {},
        [[]],
        "\udcff",
        "\ud800",
        "\x00",
        "\x1b[2J",
    ),
    *(
        "/etc/passwd",
        "/etc/default/grub",
        "/boot/grub2/grub.cfg",
        "/boot/loader/entries/../../x.conf",
        "/",
        "//",
        "/boot",
    ),
    *(
        "/boot/loader/entries/\n.conf",
        "/boot/loader/entries/" + "x" * 300 + ".conf",
        "/etc/kernel/cmdline",
        "/etc/kernel",
    ),
    *(["zipl"], [["zipl"]], [["sh", "-c", "x"]], ["/etc"], ["/etc/kernel"], ID, "99999999-999999-999999", "YQ==", "YQ"),
    *(
        {"system.posix_acl_access": "YQ=="},
        {"security.selinux": "YQ=="},
        {"security.capability": "YQ=="},
        {"user.x": ""},
        {"trusted.x": "YQ=="},
        {"": ""},
        0o7777,
        0o644,
        65534,
    ),
]


def mutate(random: Random, corpus: Sequence[bytes], _tokens: Sequence[bytes]) -> bytes:
    """A record of the corpus with a few members replaced, as text, with matching digests and checksum."""
    body = json.loads(random.choice(corpus).strip().rpartition(b"\n")[2])
    for _ in range(random.choice((1, 1, 2, 4))):
        holders = list(_holders(body))
        holder = random.choice(holders)
        if isinstance(holder, dict) and holder:
            holder[random.choice(list(holder))] = deepcopy(random.choice(_VALUES))
        elif isinstance(holder, list):
            holder.insert(0, deepcopy(random.choice(_VALUES)))
    for each in _holders(body):
        if isinstance(each, dict) and isinstance(each.get("data"), str) and random.random() < 0.9:
            with suppress(ValueError):
                each["sha256"] = sha256(b64decode(each["data"])).hexdigest()
    return json.dumps(body).encode()


def _holders(value: object) -> Iterator[dict[str, object] | list[object]]:
    if isinstance(value, dict | list):
        yield value
        for each in list(value.values()) if isinstance(value, dict) else value:
            yield from _holders(each)


def attempt(data: bytes) -> None:
    for text in (data, seal(data)):
        try:
            found = record.decode(text)
        except Malformed as problem:
            to_display(str(problem))  # it can be printed
            continue
        assert record.decode(record.encode(found)) == found
        use(text, found)


def seal(body: bytes) -> bytes:
    """A record with the checksum that it needs."""
    return json.dumps({"grubkd": 1, "sha256": sha256(body).hexdigest()}).encode() + b"\n" + body


def _another_owner(root: Root, path: Path) -> None:
    """See that the journal changes nothing while another user owns it."""
    if os.geteuid() != 0:
        return
    before = sorted((each, each.lstat().st_ctime_ns) for each in _TREE.rglob("*") if "/var/" not in str(each))
    os.chown(path, 1234, 1234)
    with suppress(GrubkdError):
        rollback(root, force=True)
    assert path.exists()
    assert before == sorted((each, each.lstat().st_ctime_ns) for each in _TREE.rglob("*") if "/var/" not in str(each))
    os.chown(path, 0, 0)


def use(text: bytes, found: Record) -> None:
    """Put the journal into a tree with a file that it must not touch, and roll it back by force."""
    _OUTSIDE.mkdir(exist_ok=True)
    for name in ("passwd", "grub"):
        (_OUTSIDE / name).write_text("outside\n")
    kept = _TREE / "etc/passwd"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("inside\n")
    link = _TREE / "etc/default"
    if not link.is_symlink():
        link.symlink_to(_OUTSIDE)
    home = _TREE / TRANSACTIONS[1:]
    home.mkdir(parents=True, exist_ok=True)
    for kind in ("done", "pending"):
        for each in home.iterdir():
            each.unlink()
        path = home / f"{found.id}.{kind}"
        path.write_bytes(text)
        root = Root(str(_TREE))
        _another_owner(root, path)
        history.read(root)
        with suppress(GrubkdError):
            rollback(root, exact=True, force=True)
        _check(root, found, kept)


def _check(root: Root, found: Record, kept: Path) -> None:
    """Nothing outside has changed, and inside only files that a format, or a link in the journal, names."""
    assert {each.read_text() for each in _OUTSIDE.iterdir()} == {"outside\n"}
    assert kept.read_text() == "inside\n"
    files = [f"/{each.relative_to(_TREE)}" for each in _TREE.rglob("*") if each.is_file() and "/var/" not in str(each)]
    linked = {each.path for each in found.files if each.link} | {"/etc/passwd"}
    # What could not be put back is beside its place until the next run.
    written = [from_user(each) for each in files if "/.grubkd-" not in each]
    strange = [each for each in written if not places.may_write(root, each) and each not in linked]
    assert not strange, strange
    for each in files:
        if each != "/etc/passwd":
            assert (_TREE / each[1:]).stat().st_mode & 0o7111 == 0
            assert "security.capability" not in os.listxattr(_TREE / each[1:])
            (_TREE / each[1:]).unlink()
