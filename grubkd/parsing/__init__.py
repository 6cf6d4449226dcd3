"""Parsing by LALR tables: made from the grammars by Lark, at the latest when a text is parsed, and run by a driver."""
