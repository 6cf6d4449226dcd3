"""How a configuration changes: the only writer to disk."""
