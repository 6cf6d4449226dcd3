"""The units that run `grubkd check`, and the file that they write for Prometheus."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.answered import Run, answer
from support.livetree import Live, debian, put

from grubkd.cli import main
from grubkd.commands import check

UNITS = Path(__file__).parents[2] / "integrations/systemd"


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=True)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read(UNITS / name)
    return found


def test_the_timer_runs_the_check_after_boot_and_daily() -> None:
    timer, service = unit("grubkd-check.timer"), unit("grubkd-check.service")
    assert (timer["Timer"]["OnBootSec"], timer["Timer"]["OnCalendar"]) == ("5min", "daily")
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert service["Service"]["ExecStart"] == "/usr/bin/grubkd check"
    # Started by the timer only: nothing to enable.
    assert "Install" not in service


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for each in UNITS.iterdir():
        (tmp_path / each.name).write_text(each.read_text().replace("/usr/bin/grubkd", "/bin/true"))
    command = ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def checked(tree: Path, file: Path) -> Run:
    return answer(lambda: check.check_tree(Live(str(tree)), json=False, metrics=str(file)))


def samples(file: Path) -> Iterator[tuple[str, str]]:
    """Name with labels, value; every name is declared before."""
    declared = set()
    for line in file.read_text().splitlines():
        if line.startswith("# TYPE "):
            declared.add(line.split()[2])
        elif not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert re.sub(r"\{.*\}", "", name) in declared
            yield name, value


def test_the_metrics_of_a_healthy_machine(tmp_path: Path) -> None:
    file = tmp_path / "grubkd.prom"
    file.write_text("old\n")
    assert checked(debian(tmp_path), file).exit == 0
    found = dict(samples(file))
    assert int(found.pop("grubkd_check_timestamp_seconds")) > 1_700_000_000
    assert found == {
        'grubkd_will_dump{when="now"}': "1",
        'grubkd_will_dump{when="next"}': "1",
        "grubkd_reserved_bytes": "134217728",
    }
    # The node exporter runs as another user, and no scratch file stays.
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.glob("grubkd.prom*")] == ["grubkd.prom"]


def test_the_metrics_name_what_is_wrong(tmp_path: Path) -> None:
    tree = debian(tmp_path)
    put(tree, {"sys/kernel/kexec_crash_loaded": "0\n", "proc/sys/kernel/panic_on_oops": "0\n"})
    assert checked(tree, tmp_path / "grubkd.prom").exit == 4
    found = dict(samples(tmp_path / "grubkd.prom"))
    assert found['grubkd_will_dump{when="now"}'] == "0"
    assert found['grubkd_finding{check="loaded",code="not-loaded",status="problem"}'] == "1"
    assert found['grubkd_finding{check="panic",code="oops-continues",status="warning"}'] == "1"


def test_what_is_not_known_has_no_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names the file, as in the unit's drop-in."""
    file = tmp_path / "grubkd.prom"
    monkeypatch.setenv("GRUBKD_METRICS", str(file))
    assert answer(lambda: main(["check", "--root", str(debian(tmp_path)), "--ram", "4G"])).exit == 0
    names = {name for name, _ in samples(file)}
    assert names == {'grubkd_will_dump{when="next"}', "grubkd_check_timestamp_seconds"}


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/grubkd.prom").mkdir()
    tree = str(debian(tmp_path))
    for name in ("gone/grubkd.prom", "full/grubkd.prom"):
        found = answer(lambda name=name: main(["check", "--root", tree, "--metrics", str(tmp_path / name)]))  # type: ignore[misc]
        assert found.exit == 1
        assert f"--metrics: {tmp_path / name}: " in found.stderr
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["grubkd.prom"]


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """A device, or a pipe; also where a link leads to one, as that of /dev/stdout."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("pipe")
    tree = str(debian(tmp_path))
    for name in (pipe, link):
        found = answer(lambda name=name: main(["check", "--root", tree, "--metrics", str(name)]))  # type: ignore[misc]
        assert (found.exit, f"--metrics: {name}: this is not a regular file" in found.stderr) == (1, True)
    assert (pipe.is_fifo(), link.is_symlink()) == (True, True)


def test_a_failure_is_logged_at_error_level(tmp_path: Path) -> None:
    """As the unit's process: stdout and stderr are the journal's stream."""
    tree = debian(tmp_path)
    put(tree, {"etc/default/kdump-tools": "USE_KDUMP=0\n"})
    log = tmp_path / "log"
    with log.open("w") as stream:
        status = os.fstat(stream.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        command = [sys.executable, "-m", "grubkd", "check", "--root", str(tree), "--ram", "4G"]
        done = subprocess.run(command, stdout=stream, stderr=stream, env=environment, check=False)
    assert done.returncode == 4
    first, fix, last = log.read_text().splitlines()
    assert first.startswith("<3>grubkd: error: /etc/default/kdump-tools:1: service: kdump-tools.service does nothing")
    assert fix.startswith("<3>")
    assert last == "<6>grubkd: a crash now: cannot be checked from here; after the next boot: no dump will be saved"
