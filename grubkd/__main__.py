"""`python3 -m grubkd`."""

from __future__ import annotations

from grubkd.cli import run

run()
