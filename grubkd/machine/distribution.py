"""Which distribution a tree holds, for every age of release file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.text import from_bytes
from grubkd.tree import osrelease

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grubkd.tree.tree import Tree


@dataclass(frozen=True, slots=True)
class Distribution:
    """`id` and `like` as os-release(5) spells ID and ID_LIKE; "" and () where nothing tells.

    `version` holds the numbers of VERSION_ID, () where there is none; `name` is for people; `file` told it.
    """

    id: str = ""
    version: tuple[int, ...] = ()
    like: tuple[str, ...] = ()
    name: str = ""
    file: str = ""


UNKNOWN = Distribution()
"""Of a tree without release files."""

# debian_version of testing and unstable names the release to come (`trixie/sid`).
_DEBIAN = "sarge etch lenny squeeze wheezy jessie stretch buster bullseye bookworm trixie forky duke"
_DEBIAN_VERSIONS = {name: number for number, name in enumerate(_DEBIAN.split(), 3)}
_RED_HAT_NAMES = (
    ("fedora", "fedora"),
    ("centos", "centos"),
    ("scientific", "scientific"),
    ("oracle", "ol"),
    ("rocky", "rocky"),
    ("almalinux", "almalinux"),
    ("red hat", "rhel"),
)


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version: `24.04` is (24, 4), `5.11` is (5, 11), `trixie/sid` is ()."""
    found = re.match(r"\s*(\d{1,6}(?:\.\d{1,6})*)", version)
    return tuple(map(int, found[1].split("."))) if found else ()


def read(tree: Tree) -> Distribution:
    """The distribution by os-release, else by the release file of its age; UNKNOWN where nothing tells."""
    variables = osrelease.read(tree)
    if variables.get("ID"):
        return _of_os_release(tree, variables)
    for path, told in _FILES:
        if tree.exists(path):
            found = told(from_bytes(tree.read(path)), path)
            if found:
                return found
    return UNKNOWN


def _of_os_release(tree: Tree, variables: Mapping[str, str]) -> Distribution:
    name = variables.get("PRETTY_NAME") or variables.get("NAME") or variables["ID"]
    own = variables["ID"].lower()
    version = numbers(variables.get("VERSION_ID", ""))
    if own == "debian" and not version:
        # Testing and unstable have no VERSION_ID.
        codename = variables.get("VERSION_CODENAME", "")
        if codename in _DEBIAN_VERSIONS:
            version = (_DEBIAN_VERSIONS[codename],)
        elif tree.exists("/etc/debian_version"):
            told = _debian(from_bytes(tree.read("/etc/debian_version")), "")
            version = told.version if told else ()
    like = tuple(variables.get("ID_LIKE", "").lower().split())
    return Distribution(own, version, like, name, "os-release")


def _red_hat(text: str, path: str) -> Distribution | None:
    name = text.strip().splitlines()[0].strip() if text.strip() else ""
    for word, own in _RED_HAT_NAMES:
        if word in name.lower():
            release = re.search(r"release\s+(\S+)", name)
            like = ("fedora",) if own == "rhel" else () if own == "fedora" else ("rhel", "fedora")
            return Distribution(own, numbers(release[1]) if release else (), like, name, path)
    return None


def _suse(text: str, path: str) -> Distribution | None:
    name = text.strip().splitlines()[0].strip() if text.strip() else ""
    version = re.search(r"^VERSION\s*=\s*(\S+)", text, re.MULTILINE)
    level = re.search(r"^PATCHLEVEL\s*=\s*(\d{1,3})", text, re.MULTILINE)
    if not version:
        return None
    own = "sles" if "enterprise" in name.lower() else "opensuse"
    found = numbers(version[1]) + ((int(level[1]),) if level else ())
    return Distribution(own, found, ("suse",), name, path)


def _lsb(text: str, path: str) -> Distribution | None:
    own = re.search(r'^DISTRIB_ID="?([A-Za-z]+)', text, re.MULTILINE)
    release = re.search(r'^DISTRIB_RELEASE="?([0-9.]+)', text, re.MULTILINE)
    if not own:
        return None
    name = f"{own[1]} {release[1]}" if release else own[1]
    return Distribution(own[1].lower(), numbers(release[1]) if release else (), (), name, path)


def _debian(text: str, path: str) -> Distribution | None:
    word = text.strip()
    version = numbers(word) or _codename(word.partition("/")[0])
    return Distribution("debian", version, (), f"Debian {word}", path) if word else None


def _codename(word: str) -> tuple[int, ...]:
    return (_DEBIAN_VERSIONS[word],) if word in _DEBIAN_VERSIONS else ()


# Derivatives of Debian have debian_version beside their own file, those of Fedora redhat-release: in this order.
_FILES: tuple[tuple[str, Callable[[str, str], Distribution | None]], ...] = (
    ("/etc/fedora-release", _red_hat),
    ("/etc/redhat-release", _red_hat),
    ("/etc/SuSE-release", _suse),
    ("/etc/lsb-release", _lsb),
    ("/etc/debian_version", _debian),
)
