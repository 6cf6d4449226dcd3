"""How fast grubkd is: `python tests/bench` prints a table in Markdown.

The package is built and installed, byte-compiled, into a virtual environment of its own; it uses the libraries of the
interpreter that runs this file. A case is measured in turn with `python -c pass`, and each counts with its shortest
time. Nothing is asserted: times depend on the machine.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from trees import FORMATS, Kernels, make

TOP = Path(__file__).resolve().parents[2]
# Taken in turn, so that each run of `set` has something to change.
VALUES = ("256M", "320M")
REQUEST = {"id": 1, "cmdline": "ro crashkernel=256M", "release": "6.1.0-50-amd64", "arch": "x86_64", "ram": 4 << 30}
REQUESTS = 100_000

Command = Sequence[str | Path]


class Limits(NamedTuple):
    """The most that a verb may take.

    `few` and `many`: with 3 and 300 entries, in multiples of `python -c pass`. `growth`: 3000 entries, in multiples
    of 300.
    """

    few: float
    many: float
    growth: float = 12


LIMITS = {"show": Limits(11, 40), "set": Limits(14, 80)}


class Row(NamedTuple):
    """One line of the table."""

    case: str
    limit: str
    measured: str
    grubby: str = ""


def install(home: Path) -> Path:
    """Build the package and install it into a new environment, whose directory is returned."""
    source, environment = home / "source", home / "environment"
    ignored = shutil.ignore_patterns(".*", "fixtures", "tests", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(TOP, source, symlinks=True, ignore=ignored)
    build: Command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", home / "dist", source]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (wheel,) = (home / "dist").glob("*.whl")
    venv.create(environment, with_pip=False)
    pip: Command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        environment / "bin/python",
        "install",
        "--quiet",
        "--compile",
    ]
    subprocess.run([*pip, "--no-index", "--no-deps", wheel], check=True)
    purelib = sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)})
    # Debian's packages are not where sysconfig says.
    paths = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()))
    (Path(purelib) / "libraries.pth").write_text("".join(f"{path}\n" for path in paths))
    return environment


class Bench:
    """Measures commands of one installed grubkd, on trees that are made when first needed."""

    def __init__(self, home: Path, seconds: float) -> None:
        environment = install(home)
        self.grubkd = environment / "bin/grubkd"
        self._floor = (environment / "bin/python", "-c", "pass")
        self._home, self._seconds = home, seconds
        self._kernels = Kernels(home / "kernels")

    def tree(self, kind: str, count: int) -> Path:
        top = self._home / f"{kind}-{count}"
        if not top.exists():
            make(kind, top, count, self._kernels)
        return top

    def commands(self, verb: str, kind: str, count: int) -> list[Command]:
        """The commands of a case, to be run in turn."""
        root = f"--root={self.tree(kind, count)}"
        if verb == "show":
            return [[self.grubkd, "show", "--json", root]]
        return [[self.grubkd, "set", value, root] for value in VALUES]

    def ratio(self, commands: Sequence[Command], base: Sequence[Command] = ()) -> float:
        """The shortest time of the commands, by that of the others or of `python -c pass`; three runs each at least."""
        base = base or [self._floor]
        bases: list[float] = []
        times: list[float] = []
        end = time.perf_counter() + self._seconds
        while len(times) < 3 or time.perf_counter() < end:
            bases.append(elapsed(base[len(times) % len(base)]))
            times.append(elapsed(commands[len(times) % len(commands)]))
        return min(times) / min(bases)

    def rows(self) -> Iterator[Row]:
        """Every row of the table, measured when it is asked for. Each format has a number, in the order of FORMATS."""
        for option in ("--version", "--help"):
            yield Row(f"`{option}`", "6", f"{self.ratio([[self.grubkd, option]]):.1f}")
        for count in (3, 300):
            for verb, limits in LIMITS.items():
                ratios = [self.ratio(self.commands(verb, kind, count)) for kind in FORMATS]
                limit = limits.few if count == 3 else limits.many
                yield Row(f"{title(verb)}, {count} entries", f"{limit:g}", joined(ratios), self.grubby(verb, count))
        for verb, limits in LIMITS.items():
            growths = [self.ratio(self.commands(verb, kind, 3000), self.commands(verb, kind, 300)) for kind in FORMATS]
            yield Row(f"{title(verb)}, 3000 entries by 300", f"{limits.growth:g}", joined(growths))
        yield Row("`predict --batch`, requests a second a core", "at least 20,000", f"{self.batch():,.0f}")

    def batch(self) -> float:
        """Requests that `predict --batch` answers in a second of processor time, its start included."""
        requests = self._home / "requests"
        requests.write_text("".join(f"{json.dumps(REQUEST | {'id': number})}\n" for number in range(REQUESTS)))
        return REQUESTS / min(busy([self.grubkd, "predict", "--batch"], requests) for _ in range(3))

    def grubby(self, verb: str, count: int) -> str:
        """What grubby takes for the same work, where it is installed: its script edits snippets, its program menus."""
        found = shutil.which("grubby")
        if found is None:
            return ""
        kind = "bls" if Path(found).read_bytes()[:2] == b"#!" else "legacy"
        top = self._home / f"grubby-{kind}-{count}"
        if not top.exists():
            FORMATS[kind](top, count)
        where = {
            "bls": [f"--bls-directory={top / 'boot/loader/entries'}", f"--env={top / 'boot/grub2/grubenv'}"],
            "legacy": ["--grub", f"--config-file={top / 'boot/grub/grub.conf'}"],
        }
        work = {
            "show": [["--info=ALL"]],
            "set": [["--update-kernel=ALL", f"--args=crashkernel={value}"] for value in VALUES],
        }
        return f"{self.ratio([[found, *where[kind], *arguments] for arguments in work[verb]]):.1f}"


def joined(ratios: Sequence[float]) -> str:
    return ", ".join(f"{ratio:.1f}" for ratio in ratios)


def title(verb: str) -> str:
    return "`show --json`" if verb == "show" else "`set`"


def run(command: Command, source: Path | None = None) -> resource.struct_rusage:
    """Run a command, silently; it must succeed. Returns what it used."""
    words = [os.fspath(word) for word in command]
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.fspath(source or os.devnull), os.O_RDONLY, 0),
        *((os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)),
    ]
    child = os.posix_spawn(words[0], words, os.environ, file_actions=files)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(words)}: status {os.waitstatus_to_exitcode(status)}")
    return usage


def elapsed(command: Command) -> float:
    """Seconds from start to end."""
    start = time.perf_counter()
    run(command)
    return time.perf_counter() - start


def busy(command: Command, source: Path) -> float:
    """Seconds of processor time, with that file as standard input."""
    usage = run(command, source)
    return usage.ru_utime + usage.ru_stime


def machine() -> str:
    """The processor, the number of its cores, and the interpreter."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> None:
    """Print the machine and the table, each row as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="how long to measure each case, at least (3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="grubkd-bench-") as temporary:
        bench = Bench(Path(temporary), options.seconds)
        print(f"{time.strftime('%Y-%m-%d', time.gmtime())}, {machine()}\n")
        print(f"| case | at most | {', '.join(FORMATS)} | grubby |\n|---|---|---|---|", flush=True)
        for row in bench.rows():
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
