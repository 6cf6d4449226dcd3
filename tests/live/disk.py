"""Run in the copy: change boot files with grubkd itself, and print what the raw disk holds at each moment, as JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

BOOT = Path("/boot/grub2/grub.cfg")
OLD = """menuentry 'Linux' {
\tlinux /vmlinuz-6.1.0-1-amd64 root=/dev/sda1 ro
\tinitrd /initrd.img-6.1.0-1-amd64
}
"""


def raw(image: str) -> str:
    """What a boot loader that replays no journal would read."""
    done = subprocess.run(["debugfs", "-R", "cat /grub2/grub.cfg", image], capture_output=True, text=True, check=False)
    return done.stdout


def grubkd(*arguments: str, log: str = "") -> str:
    command = [sys.executable, "-m", "grubkd", *arguments]
    if log:
        command = ["strace", "-f", "-o", log, "-e", "trace=ioctl,sync", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"exit {done.returncode}: {done.stdout}{done.stderr}"


def main(work: str, image: str) -> None:
    BOOT.parent.mkdir()
    BOOT.write_text(OLD)
    Path("/etc/default").mkdir(exist_ok=True)
    Path("/etc/default/grub").write_text("GRUB_CMDLINE_LINUX=\n")
    os.sync()
    found = {"first": raw(image)}
    # What it takes: the usual way to replace a file safely leaves the old one on the disk.
    usual = BOOT.with_name("usual")
    with usual.open("w") as file:
        file.write("usual\n")
        file.flush()
        os.fsync(file.fileno())
    usual.rename(BOOT)
    above = os.open(BOOT.parent, os.O_RDONLY)
    os.fsync(above)
    found["after fsync alone"] = raw(image)
    BOOT.write_text(OLD)
    os.sync()
    found["set failed"] = grubkd("set", "256M", log=f"{work}/trace")
    found["after set"] = raw(image)
    found["calls"] = Path(f"{work}/trace").read_text()
    found["rollback failed"] = grubkd("rollback")
    found["after rollback"] = raw(image)
    found["left"] = sorted(str(each) for each in Path("/boot").rglob("*") if each.is_file())
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
