"""Which distribution a tree holds, by os-release(5) or the release file of its age."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.machine.settings import text
from grubkd.memory.vendors import Distribution
from grubkd.tree import osrelease

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grubkd.tree.root import Root


UNKNOWN = Distribution()
"""A tree without a release file."""

# debian_version of testing and unstable has the name of the next release (`trixie/sid`).
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


def read(tree: Root) -> Distribution:
    """The distribution by os-release, else by an older release file; UNKNOWN without any."""
    variables = osrelease.read(tree)
    if variables.get("ID"):
        return _of_os_release(tree, variables)
    for path, parse in _FILES:
        found = parse(text(tree, path) or "")
        if found:
            return found
    return UNKNOWN


def _of_os_release(tree: Root, variables: Mapping[str, str]) -> Distribution:
    name = variables.get("PRETTY_NAME") or variables.get("NAME") or variables["ID"]
    own = variables["ID"].lower()
    version = numbers(variables.get("VERSION_ID", ""))
    if own == "debian" and not version:
        # Testing and unstable have no VERSION_ID.
        version = _codename(variables.get("VERSION_CODENAME", ""))
        found = None if version else _debian(text(tree, "/etc/debian_version") or "")
        version = found.version if found else version
    return Distribution(own, version, tuple(variables.get("ID_LIKE", "").lower().split()), name)


def _first_line(content: str) -> str:
    return content.strip().partition("\n")[0].strip()


def _red_hat(content: str) -> Distribution | None:
    name = _first_line(content)
    for word, own in _RED_HAT_NAMES:
        if word in name.lower():
            release = re.search(r"release\s+(\S+)", name)
            like = ("fedora",) if own == "rhel" else () if own == "fedora" else ("rhel", "fedora")
            return Distribution(own, numbers(release[1]) if release else (), like, name)
    return None


def _suse(content: str) -> Distribution | None:
    name = _first_line(content)
    version = re.search(r"^VERSION\s*=\s*(\S+)", content, re.MULTILINE)
    level = re.search(r"^PATCHLEVEL\s*=\s*(\d{1,3})", content, re.MULTILINE)
    if not version:
        return None
    own = "sles" if "enterprise" in name.lower() else "opensuse"
    found = numbers(version[1]) + ((int(level[1]),) if level else ())
    return Distribution(own, found, ("suse",), name)


def _lsb(content: str) -> Distribution | None:
    own = re.search(r'^DISTRIB_ID="?([A-Za-z]+)', content, re.MULTILINE)
    release = re.search(r'^DISTRIB_RELEASE="?([0-9.]+)', content, re.MULTILINE)
    if not own:
        return None
    name = f"{own[1]} {release[1]}" if release else own[1]
    return Distribution(own[1].lower(), numbers(release[1]) if release else (), (), name)


def _debian(content: str) -> Distribution | None:
    word = content.strip()
    version = numbers(word) or _codename(word.partition("/")[0])
    return Distribution("debian", version, (), f"Debian {word}") if word else None


def _codename(word: str) -> tuple[int, ...]:
    return (_DEBIAN_VERSIONS[word],) if word in _DEBIAN_VERSIONS else ()


# In this order: derivatives of Debian also have debian_version, and Fedora has redhat-release.
_FILES: tuple[tuple[str, Callable[[str], Distribution | None]], ...] = (
    ("/etc/fedora-release", _red_hat),
    ("/etc/redhat-release", _red_hat),
    ("/etc/SuSE-release", _suse),
    ("/etc/lsb-release", _lsb),
    ("/etc/debian_version", _debian),
)
