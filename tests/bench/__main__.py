"""How fast grubkd is, in multiples of a bare interpreter's run: `python tests/bench` prints a table in Markdown.

The package is built and installed, byte-compiled, into a virtual environment of its own; the libraries are those of
the interpreter that runs this. Each time is the best of several (user and system together with waiting), and so is
that of `python -c pass`, which is measured again beside each case. A second ratio is that of processor time alone,
which depends less on what else the machine does. No time is asserted: this is no test.
"""

import argparse
import json
import os
import platform
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trees import KINDS  # type: ignore[import-not-found] # beside this file

TOP = Path(__file__).resolve().parents[2]
VALUES = ("256M", "320M")
REQUEST = {"id": 1, "cmdline": "ro crashkernel=256M", "release": "6.1.0-50-amd64", "arch": "x86_64", "ram": 4 << 30}


class Run(NamedTuple):
    """Seconds from start to end, those of them on a processor, and bytes of memory at the peak."""

    seconds: float
    busy: float
    memory: int


class Case(NamedTuple):
    """A row: what is measured, the ratio wanted, the tree's kind and size, and the commands, taken in turn."""

    name: str
    wanted: float | None
    kind: str
    count: int
    commands: Sequence[Sequence[str]]


def install(home: Path) -> Path:
    """Build the package, install it into a new environment; returns the environment."""
    source = home / "source"
    ignored = shutil.ignore_patterns(".*", "fixtures", "tests", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(TOP, source, symlinks=True, ignore=ignored)
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", home / "dist", source]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    environment = home / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin/python"
    (wheel,) = (home / "dist").glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run(pip, check=True)
    purelib = sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)})
    # Debian keeps them elsewhere than sysconfig tells.
    paths = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()))
    (Path(purelib) / "libraries.pth").write_text("".join(f"{path}\n" for path in paths))
    return environment


def measured(command: Sequence[str]) -> Run:
    """One run of a command, which must end well."""
    start = time.perf_counter()
    silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    child = os.posix_spawn(command[0], command, os.environ, file_actions=silent)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)}: status {os.waitstatus_to_exitcode(status)}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def best(floor: Sequence[str], commands: Sequence[Sequence[str]], patience: float) -> tuple[Run, Run]:
    """The best of the floor and of the commands, in turn, for as many seconds as `patience`, three times at least."""
    floors: list[Run] = []
    runs: list[Run] = []
    end = time.perf_counter() + patience
    while len(runs) < 3 or time.perf_counter() < end:
        floors.append(measured(floor))
        runs.append(measured(commands[len(runs) % len(commands)]))
    return _least(floors), _least(runs)


def _least(runs: Sequence[Run]) -> Run:
    """The least times, and the most memory."""
    return Run(min(run.seconds for run in runs), min(run.busy for run in runs), max(run.memory for run in runs))


def cases(grubkd: str, trees: Path) -> list[Case]:
    """The rows of the table."""

    def on(kind: str, count: int, *arguments: str) -> list[str]:
        return [grubkd, *arguments, "--root", str(trees / f"{kind}-{count}")]

    def setting(kind: str, count: int) -> list[list[str]]:
        return [on(kind, count, "set", value) for value in VALUES]

    made = [
        Case("`--version`", 1.6, "", 0, [[grubkd, "--version"]]),
        Case("`--help`", 5, "", 0, [[grubkd, "--help"]]),
    ]
    few, many = {"legacy": 6, "grub2": 7, "bls": 6}, {"legacy": 20, "grub2": 60, "bls": 70}
    for kind in KINDS:
        for count, wanted in ((3, few[kind]), (300, None), (3000, many[kind])):
            made.append(
                Case(f"`show --json`, {count} {kind}", wanted, kind, count, [on(kind, count, "show", "--json")])
            )
    limits = {("bls", 300): 30, ("legacy", 3000): 80, ("grub2", 3000): 150}
    for kind in KINDS:
        for count in (3, 300, 3000):
            wanted = 9 if count == 3 else limits.get((kind, count))
            made.append(Case(f"`set 256M`, {count} {kind}", wanted, kind, count, setting(kind, count)))
        # Behind the changes: the first run may still have one to make, the best of all has none.
        made.append(Case(f"`set` with nothing to do, 3 {kind}", 7, kind, 3, [on(kind, 3, "set", VALUES[0])]))
    return made


def batch(grubkd: str, home: Path, count: int) -> float:
    """Requests a second that `predict --batch` answers, its start included."""
    requests = home / "requests"
    requests.write_text("".join(f"{json.dumps(REQUEST | {'id': number})}\n" for number in range(count)))
    times = []
    for _ in range(3):
        with requests.open() as source:
            start = time.perf_counter()
            subprocess.run([grubkd, "predict", "--batch"], stdin=source, stdout=subprocess.DEVNULL, check=True)
            times.append(time.perf_counter() - start)
    return count / min(times)


def machine() -> str:
    """The processor, the number of its cores, and the interpreter."""
    said = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in said if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="how long to measure each case, at least (3)")
    parser.add_argument("--only", default="", help="the cases whose name holds this text")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="grubkd-bench-") as temporary:
        home = Path(temporary)
        environment = install(home)
        floor, grubkd = [str(environment / "bin/python"), "-c", "pass"], str(environment / "bin/grubkd")
        print(f"{time.strftime('%Y-%m-%d', time.gmtime())}, {machine()}\n")
        print("| case | at most | ratio | of CPU | ms | peak MB | grubby |\n|---|---|---|---|---|---|---|", flush=True)
        for case in cases(grubkd, home):
            tree = home / f"{case.kind}-{case.count}"
            if options.only not in case.name:
                continue
            if case.kind and not tree.exists():
                KINDS[case.kind](tree, case.count)
            base, run = best(floor, case.commands, options.seconds)
            print(
                f"| {case.name} | {case.wanted or ''} | {run.seconds / base.seconds:.1f} | {run.busy / base.busy:.1f}"
                f" | {run.seconds * 1e3:.0f} | {run.memory / 1e6:.0f} | {grubby(case, tree, base.seconds)} |",
                flush=True,
            )
        if options.only in "`predict --batch`":
            print(f"\n`predict --batch`: {batch(grubkd, home, 100_000):,.0f} requests a second; wanted: 20,000")


def grubby(case: Case, tree: Path, floor: float) -> str:
    """What grubby takes for the same change of GRUB legacy's menu, as a ratio; nothing where it is not installed."""
    found = shutil.which("grubby")
    if found is None or case.kind != "legacy" or not case.name.startswith("`set 256M`"):
        return ""
    copy = tree.with_suffix(".grubby")
    shutil.copy(tree / "boot/grub/grub.conf", copy)
    command = [found, "--grub", f"--config-file={copy}", "--update-kernel=ALL", "--args=crashkernel=256M"]
    return f"{min(measured(command).seconds for _ in range(3)) / floor:.1f}"


if __name__ == "__main__":
    main()
