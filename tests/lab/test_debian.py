"""A real Debian 12: grubkd run in it, between update-grub before and after, and booted through its own GRUB."""

import json
from typing import Any

import pytest

from lab.debian import DROP_IN, Debian, install
from lab.packages import Unavailable
from lab.prediction import compare, size_fits
from lab.report import part, reports

pytestmark = pytest.mark.lab

# The drop-in of kdump-tools decides; `set` must win over it.
FILES = (("etc/default/grub.d/kdump-tools.cfg", DROP_IN),)
CHANGE = """report
told generated
update-grub 2>/dev/null
told set
grubkd set 192M --json
told show
grubkd show --json
told predict
grubkd predict --json
told written
sha256sum /boot/grub/grub.cfg
"""
AGAIN = """report
told generate
update-grub && echo generated
told regenerated
sha256sum /boot/grub/grub.cfg
told unchanged
grubkd set 192M --json
"""


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Debian:
    try:
        return install(tmp_path_factory.mktemp("debian"), FILES)
    except Unavailable as problem:
        pytest.skip(str(problem))


def told(text: str, name: str) -> dict[str, Any]:
    """What a command of the guest answered in JSON."""
    return json.loads(part(text, name))  # type: ignore[no-any-return]


def test_what_set_wrote_boots_and_stays(debian: Debian) -> None:
    first = debian.boot(CHANGE)
    (before,) = reports(first.text)
    assert "crashkernel=384M-:128M" in before.cmdline
    assert before.size == 128 << 20
    assert told(first.text, "set")["changed"], first.tail()
    shown, predicted = told(first.text, "show"), told(first.text, "predict")
    (entry,) = (each for each in shown["entries"] if each["default"])
    (foreseen,) = (each for each in predicted["entries"] if each["index"] == entry["index"])
    placement = foreseen["placement"]
    assert placement["status"] == "reserved", foreseen
    written = part(first.text, "written")
    for _ in range(2):
        done = debian.boot(AGAIN)
        (report,) = reports(done.text)
        assert report.cmdline == f"BOOT_IMAGE={entry['kernel']} {entry['cmdline']}"
        assert [list(each) for each in report.reserved] == placement["regions"]
        assert report.size == 192 << 20
        compared = compare(report, "x86_64")
        assert compared.outcome != "wrong", compared
        assert size_fits(report, compared.reserved)
        # The generator makes of the changed sources what grubkd had made of its old answer.
        assert "generated\n" in part(done.text, "generate"), done.tail()
        assert part(done.text, "regenerated") == written
        assert not told(done.text, "unchanged")["changed"]
