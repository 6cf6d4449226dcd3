"""For all tests: the machine fixture, and hypothesis without deadlines, because a test machine may be busy."""

from pathlib import Path

import pytest
from hypothesis import settings
from support.machine import Machine

settings.register_profile("grubkd", deadline=None)
settings.load_profile("grubkd")


@pytest.fixture
def machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    """An empty tree, and grubkd run on it."""
    return Machine(tmp_path, capsys)
