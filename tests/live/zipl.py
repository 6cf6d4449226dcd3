"""Run in the copy, or beside it with its directory: a follow-up that works, one that fails, and one left by a kill."""

import json
import os
import stat
import sys
from pathlib import Path

from grubkd.change import transaction
from grubkd.change.edit import FileChange
from grubkd.change.rollback import rollback
from grubkd.errors import GrubkdError
from grubkd.tree.root import Root

GOOD = '#!/bin/sh\necho "$0 $*: $(cat /etc/zipl.conf)" >>/ran\nenv | sort >/environment\n'
BAD = "#!/bin/sh\necho first line >&2\necho device is full >&2\nexit 7\n"
SLOW = "#!/bin/sh\necho started >>/ran\n[ -e /slept ] && exit\ntouch /slept\nkill -TERM $(cat /parent)\nsleep 600\n"


def main(top: str) -> None:
    root = Root(top)
    here = Path(top)
    zipl, file = here / "usr/sbin/zipl", here / "etc/zipl.conf"
    file.write_text("old")
    file.chmod(0o644)
    (here / "parent").write_text(str(os.getpid()))
    found: dict[str, object] = {"live": root.live}

    def program(text: str) -> None:
        zipl.write_text(text)
        zipl.chmod(stat.S_IRWXU)

    def ran() -> list[str]:
        log = here / "ran"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def commit(before: bytes, after: bytes) -> str:
        change = FileChange("/etc/zipl.conf", before, after)
        options = {
            "command": "set",
            "wanted": {},
            "by": "given",
            "followups": [["zipl"]],
            "run_followups": not root.live,
        }
        try:
            transaction.commit(root, [change], **options)  # type: ignore[arg-type]
        except GrubkdError as problem:
            return f"{type(problem).__name__}: {problem.message} | {problem.hint}"
        return "done"

    os.environ["SECRET"] = "must not be handed on"
    program(GOOD)
    found["good"] = [commit(b"old", b"new"), file.read_text(), ran()]
    found["environment"] = (here / "environment").read_text().splitlines()
    rollback(root, run_followups=not root.live)
    found["rolled back"] = [file.read_text(), ran()]
    program(BAD)
    found["bad"] = [commit(b"old", b"new"), file.read_text()]
    program(SLOW)
    found["signal"] = [commit(b"old", b"new").partition(";")[0], file.read_text(), ran()]

    # Killed after its follow-up had run, before it was done.
    program(GOOD)
    child = os.fork()
    if child == 0:
        transaction._Application._clean = lambda _self: os.kill(os.getpid(), 9)  # type: ignore[method-assign,assignment,return-value]
        commit(b"old", b"new")
        os._exit(0)
    os.waitpid(child, 0)
    found["killed"] = [file.read_text(), ran()]
    notices = transaction.recover(root, run_followups=not root.live)
    found["recovered"] = [[each.code for each in notices], file.read_text(), ran()]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
