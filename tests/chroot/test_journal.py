"""grubkd's messages in a real journal: systemd-journald of Debian 12 reads the level of each line from its prefix."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bookworm import Bookworm
from packages import fetch, install, put_grubkd

pytestmark = pytest.mark.long

# What systemd does for a service: a journal, its socket as stderr, and JOURNAL_STREAM, which names that socket.
SERVICE = """
mount -t cgroup2 none /sys/fs/cgroup && mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/log/journal
systemd-id128 new >/etc/machine-id
/usr/lib/systemd/systemd-journald >/dev/null 2>&1 &
for _ in $(seq 1200); do [ -S /run/systemd/journal/stdout ] && break; sleep 0.1; done
systemd-cat --identifier=grubkd sh -c '
    JOURNAL_STREAM=$(stat --dereference --format=%d:%i /proc/self/fd/2) && export JOURNAL_STREAM
    grubkd -v show --root /root/tree >/dev/null
    grubkd show --root /nonexistent
    unset JOURNAL_STREAM
    grubkd show --root /nonexistent'
journalctl --sync && journalctl --identifier=grubkd --output=json
kill $!
"""


@pytest.fixture
def debian(tarball: Path, tmp_path: Path) -> Iterator[Bookworm]:
    """A Debian with systemd, grubkd and its libraries, and a tree whose menu has a line that GRUB passes over."""
    path = tmp_path / "debian"
    path.mkdir()
    subprocess.run(["tar", "--directory", path, "--extract", "--file", tarball], check=True)
    found = Bookworm(path)
    libraries = ("python3", *(f"python3-{name}" for name in ("click", "lark", "augeas", "psutil")))
    install(found, fetch(found, tmp_path / "packages", *libraries, "systemd"))
    put_grubkd(found)
    menu = path / "root/tree/boot/grub/menu.lst"
    menu.parent.mkdir(parents=True)
    menu.write_text("title A\n  kernel /vmlinuz ro\nnonsense\n")
    yield found
    shutil.rmtree(path)


def test_the_journal_knows_the_levels(debian: Bookworm) -> None:
    done = debian.run("sh", "-c", SERVICE)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    printed = [(line["PRIORITY"], line["MESSAGE"]) for line in lines]
    assert ("6", "grubkd: found grub-legacy: /boot/grub/menu.lst") in printed
    errors = [(level, message.partition(":")[0]) for level, message in printed if "/nonexistent" in message]
    # Without JOURNAL_STREAM there is no prefix, and the line has systemd-cat's level.
    assert errors == [("3", "grubkd"), ("6", "grubkd")]
    warned = {level for level, message in printed if message.startswith("grubkd: warning: /boot/grub/menu.lst:3:")}
    assert warned == {"4"}
    assert [message for _, message in printed if message.startswith("<")] == []
