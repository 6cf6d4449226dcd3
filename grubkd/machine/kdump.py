"""What is set up to save a dump: the service, the target and its room, the capture kernel in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.boot.kernelpath import release_of
from grubkd.errors import Place
from grubkd.machine import dumptarget, memoryuse, room, service, settings
from grubkd.machine.dumptarget import KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG
from grubkd.machine.ram import integer

if TYPE_CHECKING:
    from grubkd.machine.dumptarget import Target
    from grubkd.machine.memoryuse import MemoryUse
    from grubkd.machine.room import Room
    from grubkd.machine.service import Service
    from grubkd.tree.root import Root

_TOOLS = ("/usr/bin/kdumpctl", "/usr/sbin/kdumpctl", "/bin/kdumpctl", "/sbin/kdumpctl")
_RESET = "auto_reset_crashkernel"


@dataclass(frozen=True, slots=True)
class Kdump:
    """`use`: of the running machine's memory. `key`: ssh's key is there; None where none is needed.

    `resets`: kdump-utils will write its own value over others, as it does unless it is told not to; the place of that
    setting, or the file that lacks it. `capture`: the release of the kernel to be loaded, where a setting names one.
    `firmware`: the firmware saves the dump (fadump) and is ready to (true) or not; None without it. `barred`: no kernel
    can be loaded any more before the next boot (kexec_load_disabled).
    """

    service: Service
    target: Target
    room: Room
    use: MemoryUse | None = None
    key: bool | None = None
    resets: Place | None = None
    capture: str | None = None
    firmware: bool | None = None
    barred: bool = False


def read(tree: Root) -> Kdump:
    """The facts of the tree, and of /proc and /sys where it is the running system's."""
    target = dumptarget.read(tree)
    return Kdump(
        service=service.read(tree),
        target=target,
        room=room.read(tree, target),
        use=memoryuse.read(tree) if tree.live else None,
        key=tree.exists(target.key) if target.key else None,
        resets=_resets(tree),
        capture=_capture(tree),
        firmware=_firmware(tree) if tree.live else None,
        barred=tree.live and integer(tree, "/proc/sys/kernel/kexec_load_disabled") == 1,
    )


def _resets(tree: Root) -> Place | None:
    """kexec-tools 2.0.23 (Fedora 36, RHEL 9), and kdump-utils after it, reset the value unless the setting is `no`."""
    text = settings.text_of(tree, KDUMP_CONF)
    tool = next((path for path in _TOOLS if tree.exists(path)), None)
    if text is None or tool is None:
        return None
    said = [each for each in settings.kdump_conf(text) if each.name == _RESET]
    if said:
        return Place(KDUMP_CONF, said[-1].line) if said[-1].value != "no" else None
    return Place(KDUMP_CONF) if _RESET in (settings.text_of(tree, tool) or "") else None


def _capture(tree: Root) -> str | None:
    """The release that KDUMP_KERNELVER names, or the image of KDUMP_KERNEL."""
    named = settings.variables(settings.text_of(tree, SYSCONFIG) or "").get("KDUMP_KERNELVER")
    if named and named.value:
        return named.value
    image = settings.variables(settings.text_of(tree, KDUMP_TOOLS) or "").get("KDUMP_KERNEL")
    return release_of(tree.resolve(image.value) or image.value) if image and image.value[:1] == "/" else None


def _firmware(host: Root) -> bool | None:
    """Firmware-assisted dump of POWER: two files of /sys/kernel, since 5.10 in a directory of their own."""
    for enabled, registered in (
        ("/sys/kernel/fadump/enabled", "/sys/kernel/fadump/registered"),
        ("/sys/kernel/fadump_enabled", "/sys/kernel/fadump_registered"),
    ):
        if integer(host, enabled) == 1:
            return integer(host, registered) == 1
    return None
