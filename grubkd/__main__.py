"""`python3 -m grubkd`."""

import sys

from grubkd.cli import main

sys.exit(main())
