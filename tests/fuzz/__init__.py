"""Fuzzes the readers of files that anybody may have written.

    python -m fuzz TARGET [SECONDS] [SEED]     (in tests/, PYTHONPATH=..; TARGET is a module of fuzz/targets)

Inputs are the corpus (fuzz/corpus/TARGET, written by us) after some mutations. With atheris (PyPI), coverage guides
them: `python -m fuzz.guided TARGET -max_total_time=SECONDS`. A target's `attempt(data)` does with the
bytes what grubkd does with a file and raises on anything that must not happen; the input is then printed, and becomes
a test. A target may have TOKENS to insert, and a `mutate` of its own that knows the form of its inputs.
"""
