"""python -m fuzz.guided TARGET [libFuzzer's options]: inputs guided by coverage, with atheris from PyPI."""

import sys

import atheris

from fuzz.session import HERE, load


def main() -> None:
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["grubkd"]):
        module, _ = load(name)
    atheris.Setup([*sys.argv, str(HERE / "corpus" / name)], module.attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
