"""python -m fuzz TARGET [SECONDS] [SEED]."""

import sys

from fuzz.session import fuzz, targets


def main(name: str = "", seconds: str = "600", seed: str = "0") -> int:
    if name not in targets():
        sys.stderr.write(f"usage: python -m fuzz TARGET [SECONDS] [SEED]; targets: {' '.join(targets())}\n")
        return 2
    print(f"{name}: {fuzz(name, float(seconds), int(seed))} inputs, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
