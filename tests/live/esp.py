"""Run in the copy: a vfat /boot, whose files have no owner, no attributes and no links, changed and changed back."""

import json
import os
from pathlib import Path

from grubkd.change import transaction
from grubkd.change.edit import FileChange
from grubkd.change.rollback import rollback
from grubkd.tree.root import Root

SNIPPET = "/boot/loader/entries/a.conf"


def main() -> None:
    file = Path(SNIPPET)
    file.parent.mkdir(parents=True)
    file.write_text("old\n")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    root = Root("/")
    found: dict[str, object] = {}
    try:
        change = FileChange(SNIPPET, b"old\n", b"new\n")
        transaction.commit(root, [change], command="set", wanted={}, by="given", recheck=lambda _tree: 1 / 0)
    except ZeroDivisionError:
        found["after a failure"] = [file.read_text(), file.stat().st_mtime]
    transaction.commit(root, [change], command="set", wanted={}, by="given")
    found["after commit"] = file.read_text()
    rollback(root)
    found["after rollback"] = [file.read_text(), file.stat().st_mtime]
    found["names"] = [each.name for each in file.parent.iterdir()]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
