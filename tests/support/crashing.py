"""Runs `grubkd crash` on the tree that is its argument, whose /proc has plain files; a terminal may be simulated."""

import sys

from grubkd.commands import crash
from grubkd.errors import GrubkdError
from grubkd.render import output
from support.livetree import Live


def main() -> int:
    output.begin()
    try:
        return crash.carry_out(Live(sys.argv[1]), sure=False)
    except GrubkdError as problem:
        output.complain(problem, "error")
        return problem.exit


if __name__ == "__main__":
    sys.exit(main())
