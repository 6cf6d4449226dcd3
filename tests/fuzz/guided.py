"""python -m fuzz.guided TARGET [libFuzzer's options]: inputs guided by coverage, with atheris from PyPI."""

import sys
import tempfile

import atheris

from fuzz.session import HERE, load


def main() -> None:
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["grubkd"]):
        module, _ = load(name)
    with tempfile.TemporaryDirectory() as found:  # what it finds interesting goes to the first directory
        atheris.Setup([*sys.argv, found, str(HERE / "corpus" / name)], module.attempt)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
