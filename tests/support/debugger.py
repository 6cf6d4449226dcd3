"""Stand-ins for crash, drgn and makedumpfile: they say what the real ones said of a dump, or fail as those do."""

import os
import sys
from pathlib import Path

RECORDED = Path(__file__).parents[1] / "data" / "crash-report"
_PROGRAM = """\
#!{python}
import ast, re, sys
name, recorded = {name!r}, {recorded!r}
if name == "crash":
    asked = [line.split(None, 1)[-1].strip() for line in open(sys.argv[sys.argv.index("-i") + 1])]
    marks = [each[2:] for each in asked if each.startswith("0x")]
else:
    marks = ast.literal_eval(open(sys.argv[-1]).readline().partition(" = ")[2])
parts = re.split(r"(?m)^crash> .*\\n", open(recorded).read())[1:]
print("WARNING: stands before the first answer")
for mark, part in zip(marks, parts, strict=True):
    number = int(mark, 16)
    print(f"hexadecimal: {{number:x}}  \\n    decimal: {{number}}  ")
    print(f"      octal: {{number:o}}\\n     binary: {{number:b}}")
    print(part, end="")
"""


def install(where: Path, **scripts: str) -> None:
    """Put programs into a directory: with "" a stand-in of crash or drgn, else a shell script."""
    where.mkdir(exist_ok=True)
    for name, script in scripts.items():
        (recorded,) = RECORDED.glob(f"{name}-*.txt") if not script else (Path(),)
        text = _PROGRAM.format(python=sys.executable, name=name, recorded=str(recorded))
        path = where / name
        path.write_text(f"#!/bin/sh\n{script}\n" if script else text)
        path.chmod(0o755)


def main() -> int:
    """Run `grubkd open` on the tree that is the first argument, with the programs of the second."""
    from grubkd import run
    from grubkd.commands import report
    from grubkd.errors import GrubkdError
    from grubkd.render import output
    from support.livetree import Live

    output.begin()
    tree, programs, *tool = sys.argv[1:]
    os.environ["PATH"] = run.ENVIRONMENT["PATH"] = programs
    try:
        return report.open_dump(Live(tree), None, tool[0] if tool else None)
    except GrubkdError as problem:
        output.complain(problem, "error")
        return problem.exit


if __name__ == "__main__":
    sys.exit(main())
