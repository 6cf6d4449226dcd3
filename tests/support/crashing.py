"""Runs `grubkd crash` on the tree that is its argument, whose /proc has plain files; a terminal may be simulated."""

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
