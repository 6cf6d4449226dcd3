"""Results as tables, JSON, diffs and pictures: the only writer to stdout."""
