"""Run with a tree as argument: `grubkd crash` of it, at whatever stands for a terminal; its /proc are plain files."""

import sys

from grubkd import render
from grubkd.commands import crash
from grubkd.errors import GrubkdError
from support.livetree import Live


def main() -> int:
    render.begin()
    try:
        return crash.carry_out(Live(sys.argv[1]), sure=False)
    except GrubkdError as problem:
        return render.failure(problem, json=False)


if __name__ == "__main__":
    sys.exit(main())
