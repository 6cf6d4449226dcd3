"""Debian packages of any suite and architecture: downloaded and unpacked, never installed; kept for the next run."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CACHE = Path(os.environ.get("GRUBKD_TEST_CACHE", "/var/cache/grubkd-tests")) / "lab"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Two tries of this many seconds each: an archive that does not answer must not stop the test run.
_PATIENCE = ("-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=30")

# A file's name has at most 255 bytes.
_LONGEST = 200


class Unavailable(Exception):
    """Something that the lab needs is not available here; the text says what and why."""


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One process at a time fills the cache under that name."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def from_pypi(package: str) -> Path:
    """The directory of the commands of a package of PyPI, in an environment of its own. Raises Unavailable."""
    home = CACHE / package
    with locked(package):
        if not (home / "ready").exists():
            venv.create(home, clear=True, with_pip=True)
            pip = [str(home / "bin/python"), "-m", "pip", "install", "--quiet", package]
            done = subprocess.run(pip, capture_output=True, check=False)
            if done.returncode:
                raise Unavailable(f"{package}: {_last(done.stderr)}")
            (home / "ready").touch()
    return home / "bin"


@dataclass(frozen=True, slots=True)
class Source:
    """A suite of Debian's archive for one of Debian's architectures."""

    suite: str
    arch: str

    def tree(self, *packages: str) -> Path:
        """The directory of the unpacked packages, without their dependencies.

        Raises Unavailable.
        """
        name = f"{self.suite}-{self.arch}-{'+'.join(packages)}"
        if len(name) > _LONGEST:
            name = f"{name[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        found = CACHE / "trees" / name
        with locked("packages"):
            if not found.is_dir():
                self._unpack(packages, found)
        return found

    def member(self, package: str, path: str) -> Path:
        """One file of a package that is too large to be unpacked whole. Raises Unavailable."""
        found = CACHE / "members" / f"{self.suite}-{self.arch}-{package}" / path
        with locked("packages"):
            if not found.is_file():
                self._extract(package, path, found)
        return found

    def missing(self, status: Path, into: Path, *wanted: str | Path) -> None:
        """Fetch what a machine lacks of these packages (names, or files) and of all that they depend on.

        `status`: the machine's list of its own, /var/lib/dpkg/status. Raises Unavailable.
        """
        with locked("packages"):
            (into / "partial").mkdir(parents=True, exist_ok=True)
            settings = {"Dir::State::status": status, "Dir::Cache::archives": into, "APT::Keep-Downloaded-Packages": 1}
            options = [text for name, value in settings.items() for text in ("-o", f"{name}={value}")]
            names = [str(each) for each in wanted]
            self._apt("apt-get", "install", "--yes", "--download-only", "--no-install-recommends", *options, *names)

    def _extract(self, package: str, path: str, found: Path) -> None:
        partial = CACHE / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        self._apt("apt-get", "download", package, where=partial)
        (archive,) = partial.glob("*.deb")
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as packed:
            command = ["tar", "--directory", str(partial), "--extract", "--occurrence", f"./{path}"]
            done = subprocess.run(command, stdin=packed.stdout, capture_output=True, check=False)
        if done.returncode:
            raise Unavailable(f"{path} of {package}: {_last(done.stderr)}")
        found.parent.mkdir(parents=True, exist_ok=True)
        (partial / path).rename(found)
        shutil.rmtree(partial)

    def newest(self, package: str) -> str:
        """The kernel that a package without files depends on: linux-image-686-pae -> linux-image-6.1.0-50-686-pae."""
        with locked("packages"):
            note = CACHE / "trees" / f"{self.suite}-{self.arch}-{package}.newest"
            if not note.exists():
                shown = self._apt("apt-cache", "depends", package)
                depends = re.search(r"Depends: (linux-image-\d\S+)", shown)
                if not depends:
                    raise Unavailable(f"{package} of {self.suite} {self.arch} names no kernel")
                note.parent.mkdir(parents=True, exist_ok=True)
                note.write_text(depends[1])
            return note.read_text()

    def _unpack(self, packages: tuple[str, ...], into: Path) -> None:
        partial = CACHE / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "tree").mkdir(parents=True)
        self._apt("apt-get", "download", *packages, where=partial)
        for package in partial.glob("*.deb"):
            done = subprocess.run(
                ["dpkg-deb", "--extract", package, partial / "tree"], capture_output=True, check=False
            )
            if done.returncode:
                raise Unavailable(f"{package.name}: {_last(done.stderr)}")
        into.parent.mkdir(parents=True, exist_ok=True)
        (partial / "tree").rename(into)
        shutil.rmtree(partial)

    def _apt(self, program: str, verb: str, *arguments: str, where: Path = Path("/")) -> str:
        done = subprocess.run(
            [program, "-qq", *self._options(), *_PATIENCE, verb, *arguments],
            capture_output=True,
            cwd=where,
            check=False,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )
        if done.returncode:
            raise Unavailable(f"{' '.join(arguments)} of {self.suite} {self.arch}: {_last(done.stderr)}")
        return done.stdout.decode()

    def _options(self) -> list[str]:
        """Options that keep apt away from the host's own state; the first call fetches the package lists."""
        state = CACHE / "apt" / f"{self.suite}-{self.arch}"
        options = _options(state, self.arch)
        if not (state / "ready").exists():
            shutil.rmtree(state, ignore_errors=True)
            for directory in ("lists/partial", "cache/archives/partial"):
                (state / directory).mkdir(parents=True)
            (state / "status").touch()
            (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {_mirror()} {self.suite} main\n")
            _update(self, options)
            (state / "ready").touch()
        return options


@cache
def _refusal(suite: str, arch: str) -> list[str]:
    """Why the lists could not be fetched; a failed attempt is not repeated."""
    return []


def _update(source: Source, options: list[str]) -> None:
    refusal = _refusal(source.suite, source.arch)
    if not refusal:
        done = subprocess.run(
            ["apt-get", "-qq", *options, *_PATIENCE, "update", "--error-on=any"], capture_output=True, check=False
        )
        if done.returncode == 0:
            return
        refusal.append(f"package lists of {source.suite} {source.arch}: {_last(done.stderr)}")
    raise Unavailable(refusal[0])


def _options(state: Path, arch: str) -> list[str]:
    settings = {
        "APT::Architecture": arch,
        "APT::Architectures": arch,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        # Release files of suites that are no longer updated have expired.
        "Acquire::Check-Valid-Until": "false",
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
    }
    return [text for name, value in settings.items() for text in ("-o", f"{name}={value}")]


@cache
def _mirror() -> str:
    """The mirror from which the host takes Debian's packages. Raises Unavailable."""
    try:
        done = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise Unavailable("there is no apt-get: the lab takes its kernels from Debian") from None
    for uri in done.stdout.split():
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise Unavailable("the host's package sources name no archive of Debian")


def _last(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "failed without a message"
