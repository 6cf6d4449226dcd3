"""Progress messages: what a run finds, decides, writes and runs.

`logger.info` is shown with -v, `logger.debug` with -vv. `logger.log(WAITING, ...)` says why nothing happens; it is
shown at a terminal only, with or without -v. The handler is in grubkd.render.output. A message has one character
for each byte, as all text inside grubkd.
"""

from __future__ import annotations

import logging

# Between INFO and WARNING: shown without -v.
WAITING = 25

logger = logging.getLogger("grubkd")
