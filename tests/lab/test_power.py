"""Power cuts: the machine is killed while `grubkd set` runs and boots again through GRUB; its files are whole."""

import json
import os
import random
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lab.debian import DROP_IN, Debian, install
from lab.packages import Unavailable
from lab.qemu import run
from lab.report import part, parts
from lab.results import record
from lab.writelog import Incomplete, Lost, replay

pytestmark = pytest.mark.lab

CUTS = int(os.environ.get("GRUBKD_LAB_CUTS", "30"))
SEED = int(os.environ.get("GRUBKD_LAB_SEED", "1"))
LOG = 4 << 30
"""Bytes, far more than one life writes; they take no room before."""
DROP_IN_FILE, DEFAULT = "etc/default/grub.d/kdump-tools.cfg", "etc/default/grub"
FILES = ("boot/grub/grub.cfg", DEFAULT, DROP_IN_FILE)
SUMS = f"sha256sum {' '.join(f'/{name}' for name in FILES)}\n"
# What the guest sets in turn. Each changes all three files, and their lengths.
STATES = ("64M --arg=lab=one", "1G-4G:128M,4G-:256M --arg=lab=and-two", "96M --arg=lab=and-more-than-three")


def tried(state: int) -> str:
    """Set a state, and print the line that the kernel will receive."""
    return f"section state{state}\ngrubkd set {STATES[state]} 2>&1\n{SUMS}section line{state}\ngrubkd show --json\n"


def turn(state: int, how: str = "") -> str:
    """Set a state, and print a section before and after."""
    return f"section turn{state}\ngrubkd {how} set {STATES[state]} 2>&1\nsection done{state}\n{SUMS}"


def life(first: int) -> str:
    """Print what the last cut left, then set one state after the other for ever."""
    # The first turn does not print which files it writes: `cut` waits for one of another turn.
    turns = "".join(turn(each, "-v") for each in order(first + 1))
    return (
        f"section booted\ncat /proc/cmdline\nsection left\n{SUMS}section journals\nls -A /var/lib/grubkd/transactions\n"
        f'section standing\ngrubkd show --json\necho "show $?"\n{turn(first)}while :; do\n{turns}done\n'
    )


def order(first: int) -> list[int]:
    """The states, beginning with that one."""
    return [(first + step) % len(STATES) for step in range(len(STATES))]


def sums(text: str) -> dict[str, str]:
    """File -> digest, of what sha256sum printed."""
    return {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})  /(\S+)$", text, re.MULTILINE)}


@dataclass(frozen=True, slots=True)
class State:
    """The files' digests, and what the kernel receives from the default entry."""

    files: dict[str, str]
    cmdline: str


def answer(text: str) -> dict[str, Any]:
    """The JSON object in what a command of the guest printed."""
    return json.loads(text[text.index("{") : text.rindex("}") + 1])  # type: ignore[no-any-return]


def known(debian: Debian) -> list[State]:
    """The states without a power cut; the machine stays in the last one."""
    turns = [*range(len(STATES)), *range(len(STATES))]
    text = debian.boot("".join(map(tried, turns)), 400).text
    found = []
    for n in range(len(STATES)):
        first, again = (sums(each) for name, each in parts(text) if name == f"state{n}")
        assert first == again and len(first) == len(FILES), text
        (entry,) = (each for each in answer(part(text, f"line{n}"))["entries"] if each["default"])
        found.append(State(first, entry["cmdline"]))
    assert all(len({state.files[name] for state in found}) == len(STATES) for name in FILES), found
    return found


def cut(debian: Debian, job: str, chance: random.Random, lossy: bool) -> tuple[str, Lost]:
    """Run the job and kill the machine at some moment; its disk is then as after a power cut."""
    original, log = debian.disk.with_suffix(".before"), debian.disk.with_suffix(".log")
    shutil.copy(debian.disk, original)
    log.unlink(missing_ok=True)
    with log.open("wb") as file:
        file.truncate(LOG)
    # Most of a run is reading. So half of the cuts come soon after a file was written, the others at any time.
    until, after = ("wrote /", chance.uniform(0, 2)) if chance.random() < 0.5 else ("@@@ turn", chance.uniform(0, 30))
    done = run(replace(debian.machine(job), log=log), 400, until=until, after=after)
    assert not done.ended and until in done.text, done.tail(40)
    lost = replay(log, original, chance=chance if lossy else None)
    original.replace(debian.disk)
    return done.text, lost


@dataclass(slots=True)
class Tally:
    """How many cuts were before, inside and after a transaction, as the next boot found the disk."""

    cuts: int = 0
    lossy: int = 0
    lost: int = 0
    before: int = 0
    inside: int = 0
    after: int = 0
    recovered: int = 0


def judge(text: str, states: list[State], possible: list[int]) -> tuple[str, list[int]]:
    """Check what a cut left; returns where it was, and the states that are possible before the next turn.

    `possible`: the states between which the cut was, the newest last.
    """
    left = sums(part(text, "left"))
    assert left.keys() == states[0].files.keys(), text[-3000:]
    for name, digest in left.items():
        assert digest in {states[each].files[name] for each in possible}, (name, text[-3000:])
    standing = part(text, "standing")
    assert standing.rstrip().endswith("show 0"), standing
    line = part(text, "booted").rstrip("\n").partition(" ")[2]
    assert line in {states[each].cmdline for each in possible}, line
    if ".pending" in part(text, "journals"):
        return "inside", possible
    (whole,) = (each for each in dict.fromkeys(possible) if states[each].files == left)
    return "after" if whole == possible[-1] else "before", [whole]


def follow(text: str, states: list[State], possible: list[int]) -> list[int]:
    """Check every turn that ended; returns the states between which the next cut was."""
    for name, printed in parts(text):
        number = int(name[-1]) if name.startswith(("turn", "done")) else 0
        if name.startswith("turn"):
            possible = [*possible, number]
        elif name.startswith("done") and len(sums(printed)) == len(FILES):
            assert sums(printed) == states[number].files, text[-3000:]
            possible = [number]
    return possible


def test_every_cut_leaves_a_machine_that_boots(tmp_path: Path) -> None:
    try:
        debian = install(tmp_path, ((DROP_IN_FILE, DROP_IN),))
        states = known(debian)
    except Unavailable as problem:
        pytest.skip(str(problem))
    chance = random.Random(SEED)
    tally, possible = Tally(), [len(STATES) - 1]
    saved = debian.disk.with_suffix(".saved")
    for number in range(CUTS + 1):
        job, lossy = life((possible[-1] + 1) % len(STATES)), number % 2 == 1
        shutil.copy(debian.disk, saved)
        while True:
            try:
                # The boot after the last cut only looks at the files, and sets one state.
                text, lost = cut(debian, job, chance, lossy) if number < CUTS else (finish(debian, job), Lost(0, 0))
                break
            except Incomplete:
                shutil.copy(saved, debian.disk)
        fell, possible = judge(text, states, possible)
        if number:
            tally.cuts += 1
            setattr(tally, fell, getattr(tally, fell) + 1)
            if fell == "inside" and "@@@ done" in text:
                first = next(printed for name, printed in parts(text) if name.startswith("turn"))
                assert "had been interrupted and was undone" in first, first
                tally.recovered += 1
            record("power cuts", f"seed {SEED}", **{name: getattr(tally, name) for name in tally.__slots__})
        possible = follow(text, states, possible)
        tally.lossy += lossy and number < CUTS
        tally.lost += lost.lost


def finish(debian: Debian, job: str) -> str:
    """The output of a machine that is not killed: it does one turn of the job and ends."""
    return debian.boot(job.replace("while :", "for once in 1"), 400).text
