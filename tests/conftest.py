"""For all tests: fixtures, and hypothesis without deadlines, because a test machine may be busy.

Each run tries the same examples, so that chance does not fail a change that is not at fault; `./test.sh --all` tries
others. A counterexample that it finds becomes an @example of its law.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support.controller import TOOLS, TOP, Ansible
from support.machine import Machine

settings.register_profile("grubkd", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None)
settings.load_profile("grubkd")


@pytest.fixture(scope="session", autouse=True)
def fixtures_stay() -> Iterator[None]:
    """No test creates or removes a file in fixtures/, which other tests copy meanwhile.

    The time of a directory shows also what is gone again, such as grubkd's own directory after a failed command.
    """

    def times() -> dict[Path, int]:
        return {each: each.stat().st_mtime_ns for each in (TOP / "fixtures").rglob("*/")}

    before = times()
    yield
    after = times()
    assert [each for each in before | after if before.get(each) != after.get(each)] == []


@pytest.fixture
def machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    """An empty tree, and grubkd run on it."""
    return Machine(tmp_path, capsys)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the Ansible collection."""
    out = tmp_path_factory.mktemp("built")
    return Ansible(out, out).build()


@pytest.fixture(
    scope="session",
    params=[pytest.param(TOOLS, id="pypi"), pytest.param(Path("/usr/bin"), id="debian", marks=pytest.mark.long)],
)
def ansible(archive: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Ansible:
    """A controller that has the collection. With PyPI's ansible-core, and in the long tests with Debian's too."""
    tools = request.param
    if not (tools / "ansible-playbook").exists():
        pytest.skip(f"ansible-core is not installed in {tools}")
    home = tmp_path_factory.mktemp("ansible")
    grubkd = home / "grubkd"
    grubkd.write_text(f'#!/bin/sh\nPYTHONPATH={TOP} exec {sys.executable} -m grubkd "$@"\n')
    grubkd.chmod(0o755)
    found = Ansible(home, grubkd, tools)
    found.install(archive)
    return found
