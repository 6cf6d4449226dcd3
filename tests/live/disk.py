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


# The first is the journal's own.
FIRST_SWAP = "inject=renameat:signal=KILL:when=2"


def raw(image: str, name: str = "grub.cfg") -> str:
    """What a boot loader that replays no journal would read."""
    done = subprocess.run(["debugfs", "-R", f"cat /grub2/{name}", image], capture_output=True, text=True, check=False)
    return done.stdout


def grubkd(*arguments: str, log: str = "", inject: str = "") -> str:
    command = [sys.executable, "-m", "grubkd", *arguments]
    if log:
        command = ["strace", "-f", "-o", log, "-e", "trace=ioctl,sync,renameat", *command]
    elif inject:
        command = ["strace", "-f", "-o", "/dev/null", "-e", "trace=renameat", "-e", inject, *command]
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
    found["killed"] = grubkd("set", "192M", inject=FIRST_SWAP)
    staged = [each.name for each in BOOT.parent.glob(".grubkd-*.new")]
    found["staged"] = [raw(image, name) for name in staged]
    found["after the kill"] = raw(image)
    found["set failed"] = grubkd("set", "256M", log=f"{work}/trace")
    found["after set"] = raw(image)
    found["calls"] = Path(f"{work}/trace").read_text()
    found["rollback failed"] = grubkd("rollback")
    found["after rollback"] = raw(image)
    found["left"] = sorted(str(each) for each in Path("/boot").rglob("*") if each.is_file())
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
