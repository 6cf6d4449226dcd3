"""Parsing: Lark compiles the grammars to tables when the package is built; a small LALR driver runs the tables."""
