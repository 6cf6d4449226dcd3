"""The grammars, as package data: read through grubkd.grammar only."""
