"""One module for each reader: attempt(data), and optionally TOKENS to insert."""
