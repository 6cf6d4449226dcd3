"""README's pictures of a terminal: `python docs/pictures.py [DIRECTORY]` writes them, by default beside this file.

Each shows what a command of grubkd prints on one of the fixtures, as SVG that needs no special font.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
COMMANDS = {
    "show.svg": ("fedora-11-i386", "show"),
    "map.svg": ("rhel-9", "plan --ram 8G --kernel DEFAULT --map=unicode"),
}
COLUMNS, CELL, LINE, SIZE, EDGE = 104, 7.6, 17, 12.6, 16
GROUND, INK = "#1d2128", "#d7dae0"
COLOURS = {"31": "#ff6b68", "32": "#7bc275", "33": "#e5c07b", "34": "#6cb6ff", "36": "#56c2d6"}


def main(directory: Path) -> None:
    """Write the pictures into a directory."""
    for name, (tree, command) in COMMANDS.items():
        (directory / name).write_text(picture(f"grubkd {command} --root {tree}", printed(tree, command)))


def printed(tree: str, command: str) -> str:
    """The output of the command for a terminal with colours."""
    done = subprocess.run(  # noqa: S603 - the commands above
        [
            sys.executable,
            "-m",
            "grubkd",
            "--color=always",
            *command.split(),
            "--root",
            TOP / "fixtures" / tree / "root",
        ],
        cwd=TOP,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(TOP)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


def picture(command: str, text: str) -> str:
    """One SVG document: the command at its prompt, and what it prints."""
    lines = [line for each in [f"\x1b[1m$ {command}\x1b[0m", *text.splitlines()] for line in rows(each)]
    width, height = round(COLUMNS * CELL) + 2 * EDGE, len(lines) * LINE + 2 * EDGE
    body = "\n".join(run for number, line in enumerate(lines) for run in drawn(line, EDGE + (number + 1) * LINE - 4))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{SIZE}">\n'
        f"<title>{escape(command)}</title>\n"
        f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>\n{body}\n</svg>\n'
    )


def rows(line: str) -> Iterator[list[tuple[str, str]]]:
    """A line as the terminal breaks it: rows of cells, each a character and its style."""
    style, cells = "0", []
    for sequence, character in re.findall(r"\x1b\[(\d+)m|(.)", line):
        style = sequence or style
        if character:
            cells.append((character, style))
    for start in range(0, max(len(cells), 1), COLUMNS):
        yield cells[start : start + COLUMNS]


def drawn(row: list[tuple[str, str]], y: int) -> Iterator[str]:
    """A row as texts, one for each run of a style, each stretched to its cells: no font may move a column."""
    at = 0
    while at < len(row):
        end = at + 1
        while end < len(row) and row[end][1] == row[at][1] and (row[end][0] == " ") == (row[at][0] == " "):
            end += 1
        text, style = "".join(character for character, _ in row[at:end]), row[at][1]
        if text.strip():
            weight = ' font-weight="bold"' if style == "1" else ""
            yield (
                f'<text x="{EDGE + at * CELL:.1f}" y="{y}" textLength="{len(text) * CELL:.1f}" '
                f'lengthAdjust="spacingAndGlyphs" fill="{COLOURS.get(style, INK)}"{weight}>{escape(text)}</text>'
            )
        at = end


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
