"""packaging/release.sh: refusals at once; the whole release, twice, with a key of the test's, in the long tests."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from grubkd import __version__

TOP = Path(__file__).parents[2]
NAME = f"grubkd-{__version__}"
LEFT = shutil.ignore_patterns(".*", "fixtures", "tests", "build", "dist", "*.egg-info", "__pycache__", "*_tables.py")


class Clone:
    """A repository with one commit: what a release is made of."""

    def __init__(self, top: Path, key: Path | None) -> None:
        self.top = top
        settings = {"user.name": "Test", "user.email": "test@example.com", "gpg.format": "ssh"}
        settings |= {"user.signingKey": str(key), "gpg.ssh.allowedSignersFile": f"{key}.allowed"} if key else {}
        self.environment = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_AUTHOR_DATE": "2026-11-23T12:00:00Z",
            "GIT_COMMITTER_DATE": "2026-11-23T12:00:00Z",
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        for number, (name, value) in enumerate(settings.items()):
            self.environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        shutil.copytree(TOP, top, symlinks=True, ignore=LEFT)
        shutil.copy(TOP / ".gitignore", top)
        for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "All"]):
            self.git(*command)

    def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run("git", *arguments)

    def release(self, out: Path, status: int = 0) -> str:
        """Run release.sh; returns what it printed on stderr."""
        return self._run(self.top / "packaging/release.sh", out, status=status).stderr

    def _run(self, *command: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=self.top, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key for signatures by ssh-keygen, and the list of those that verify."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    (tmp_path / "key.allowed").write_text(f"test@example.com {(tmp_path / 'key.pub').read_text()}")
    return path


def test_what_is_not_committed_is_not_released(tmp_path: Path, key: Path) -> None:
    clone = Clone(tmp_path / "clone", key)
    (clone.top / "README.md").write_text("other")
    printed = clone.release(tmp_path / "out", status=1)
    assert printed == "release.sh: there are changes that are not committed: commit them\n"
    assert clone.git("tag").stdout == ""


def test_a_version_is_released_once(tmp_path: Path, key: Path) -> None:
    clone = Clone(tmp_path / "clone", key)
    clone.git("tag", f"v{__version__}")
    printed = clone.release(tmp_path / "out", status=1)
    assert printed.startswith(f"release.sh: the tag v{__version__} exists: raise the version, in grubkd/__init__.py")
    assert not (tmp_path / "out").exists()


def test_nothing_is_released_without_a_key(tmp_path: Path) -> None:
    printed = Clone(tmp_path / "clone", None).release(tmp_path / "out", status=1)
    assert printed == "release.sh: git has no signing key: git config user.signingKey KEY\n"


def test_all_files_must_have_the_version(tmp_path: Path, key: Path) -> None:
    clone = Clone(tmp_path / "clone", key)
    spec = clone.top / "packaging/grubkd.spec"
    spec.write_text(spec.read_text().replace(__version__, "7.7.7"))
    clone.git("commit", "--quiet", "--all", "--message", "Another version")
    printed = clone.release(tmp_path / "out", status=1)
    assert printed == f"release.sh: packaging/grubkd.spec has another version than {__version__}\n"


@pytest.mark.long
def test_a_release_is_signed_has_an_sbom_and_can_be_made_again(tmp_path: Path, key: Path) -> None:
    first = Clone(tmp_path / "first", key)
    first.release(tmp_path / "out1")
    second = Clone(tmp_path / "other/second", key)
    for path in second.top.rglob("*.py"):
        os.utime(path, (1_500_000_000, 1_500_000_000))
    second.release(tmp_path / "out2")
    names = {f"{NAME}.tar.gz", f"{NAME}.cdx.json", "SHA256SUMS"}
    assert {path.name for path in (tmp_path / "out1").iterdir()} == names
    for name in names:
        assert (tmp_path / "out1" / name).read_bytes() == (tmp_path / "out2" / name).read_bytes(), name
    verified = first.git("verify-tag", f"v{__version__}").stderr
    assert 'Good "git" signature for test@example.com' in verified
    assert (tmp_path / "out1/SHA256SUMS").read_text() in first.git("tag", "-n9", "--format=%(contents)").stdout
    sbom = json.loads((tmp_path / f"out1/{NAME}.cdx.json").read_text())
    found = {each["name"]: each["version"] for each in sbom["components"]}
    pinned = (TOP / "packaging/onefile/requirements.txt").read_text()
    assert found == dict(re.findall(r"(?m)^([\w-]+)==(\S+)", pinned))
    component = sbom["metadata"]["component"]
    assert (sbom["bomFormat"], component["name"], component["version"]) == ("CycloneDX", "grubkd", __version__)
    with tarfile.open(tmp_path / f"out1/{NAME}.tar.gz") as archive:
        assert f"{NAME}/packaging/release.sh" in archive.getnames()
        assert {(member.uid, member.uname, member.mtime) for member in archive} == {(0, "", 1_795_435_200)}
