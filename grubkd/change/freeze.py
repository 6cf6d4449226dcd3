"""Freezing a mounted file system for a moment, so that its journal is written out, and thawing it for certain."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
from contextlib import suppress

# linux/fs.h: _IOWR('X', 119, int) and _IOWR('X', 120, int). The direction bits are 2 + 1 on most architectures and
# 4 + 2 on those below, whose size field is a bit narrower.
_OTHER_BITS = ("alpha", "mips", "ppc", "sparc")
_PATIENCE = 5.0  # seconds
_THAWED = b"."
# The file system has no freezing, forbids it, or somebody else has frozen it, which writes its journal out too.
_NOT_DONE = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM, errno.EBUSY, errno.EINVAL, errno.ENOSYS}


def _request(number: int, machine: str) -> int:
    """The ioctl request number of FIFREEZE (119) or FITHAW (120) on an architecture."""
    direction = 6 << 29 if machine.startswith(_OTHER_BITS) else 3 << 30
    return direction | 4 << 16 | ord("X") << 8 | number


def freeze_and_thaw(fd: int) -> bool:
    """Freeze the file system of an open directory and thaw it at once; returns whether it was frozen. Raises OSError.

    A child process stands by all the while and thaws should this process die or stall, since nothing could write to
    a file system that stays frozen, nor the administrator repair it.
    """
    machine = os.uname().machine
    freeze, thaw = _request(119, machine), _request(120, machine)
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return False
    if child == 0:
        os.close(writing)
        _stand_by(fd, thaw, reading)
    os.close(reading)
    try:
        fcntl.ioctl(fd, freeze, 0)
    except OSError as problem:
        if problem.errno not in _NOT_DONE:
            raise
        _say_done(writing)
        return False
    else:
        _thaw(fd, thaw)
        _say_done(writing)
        return True
    finally:
        os.close(writing)
        os.waitpid(child, 0)


def _say_done(writing: int) -> None:
    with suppress(BrokenPipeError):  # the child was killed
        os.write(writing, _THAWED)


def _stand_by(fd: int, thaw: int, alive: int) -> None:
    """The child: thaw whenever the parent takes too long, and when it ends without a word; never returns."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.setsid()
        while not select.select([alive], [], [], _PATIENCE)[0]:
            with suppress(OSError):
                _thaw(fd, thaw)
        # Once the parent has thawed, another's freeze (of a backup, say) may have begun: that one is not ours to end.
        if os.read(alive, 1) != _THAWED:
            _thaw(fd, thaw)
    finally:
        os._exit(0)


def _thaw(fd: int, thaw: int) -> None:
    """Thaw; one that is not frozen (EINVAL) is as wanted. Raises OSError."""
    try:
        fcntl.ioctl(fd, thaw, 0)
    except OSError as problem:
        if problem.errno != errno.EINVAL:
            raise
