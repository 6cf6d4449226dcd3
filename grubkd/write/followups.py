"""The commands that a change may need afterwards. No other is ever run, whatever a journal asks for."""

# zipl writes the boot map of s390x, which names the blocks of what it boots.
KNOWN: frozenset[tuple[str, ...]] = frozenset({("zipl",)})
# Seconds that one may take: zipl needs a few.
PATIENCE = 120.0
