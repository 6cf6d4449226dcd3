"""`python3 -m grubkd`."""

from __future__ import annotations

import sys

from grubkd.cli import main

sys.exit(main())
