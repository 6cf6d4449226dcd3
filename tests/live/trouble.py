"""Run in the copy: a /boot that is full, then one that is read-only; what the change says, and what is left."""

import json
import os
import subprocess
import sys
from pathlib import Path

BOOT, DEFAULT = Path("/boot/grub2/grub.cfg"), Path("/etc/default/grub")
OLD = "menuentry 'Linux' {\n\tlinux /vmlinuz-6.1.0-1-amd64 root=/dev/sda1 ro\n}\n" + "# a comment\n" * 1000


def main() -> None:
    BOOT.parent.mkdir()
    BOOT.write_text(OLD)
    DEFAULT.parent.mkdir(exist_ok=True)
    DEFAULT.write_text("GRUB_CMDLINE_LINUX=\n")
    found = {}
    filler = Path("/boot/filler")
    size = 1 << 20
    with filler.open("wb", buffering=0) as file:
        while size >= 512:
            try:
                file.write(bytes(size))
                os.fsync(file.fileno())
            except OSError:
                size //= 2
    found["full"] = attempt()
    # Undoing a change needs no space: the old files are kept by a second name.
    (Path("/boot/reserve")).unlink(missing_ok=True)
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,ro", "/boot"], check=True)
    found["read-only"] = attempt()
    subprocess.run(["mount", "-o", "remount,rw", "/boot"], check=True)
    found["well"] = attempt()
    print(json.dumps(found))


def attempt() -> list[object]:
    command = [sys.executable, "-m", "grubkd", "set", "256M", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout)
    error = answer.get("error") or {}
    same = BOOT.read_text() == OLD and DEFAULT.read_text() == "GRUB_CMDLINE_LINUX=\n"
    left = sorted(each.name for each in BOOT.parent.iterdir())
    return [done.returncode, error.get("code"), error.get("file"), error.get("message"), same, left]


if __name__ == "__main__":
    main()
