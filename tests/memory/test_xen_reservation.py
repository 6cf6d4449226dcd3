"""The hypervisor's own crashkernel=, compared with boots of Xen 4.17."""

import json
from pathlib import Path
from typing import Any

import pytest
from lab.prediction import as_xen_reads

BOOTS = [json.loads(line) for line in (Path(__file__).parents[1] / "data/xen_boots.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("boot", BOOTS, ids=lambda boot: f"{boot['ram'] >> 20}M {boot['cmdline']}")
def test_agrees_with_real_boots_of_xen(boot: dict[str, Any]) -> None:
    assert as_xen_reads(**{name: boot[name] for name in ("ram", "size", "start")}, line=boot["cmdline"])
