"""How a configuration changes: the only writer to disk."""

STATE = "/var/lib/grubkd"
"""The directory of grubkd inside the tree: the lock, and the journals of its transactions."""

TRANSACTIONS = f"{STATE}/transactions"
