"""Debian's kernels of several eras and architectures, as the lab boots them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab.packages import Source, Unavailable


@dataclass(frozen=True)
class Kernel:
    """`name` as in the tables; `arch` as grubkd calls it; `package` the one that depends on the newest of its suite.

    `holder`: how the name of the package begins that holds the image.
    """

    name: str
    arch: str
    source: Source
    package: str
    holder: str = "linux-image"

    @cached_property
    def tree(self) -> Path:
        """The unpacked package. Raises Unavailable."""
        newest = self.source.newest(self.package)
        return self.source.tree(newest.replace("linux-image", self.holder, 1))

    @cached_property
    def image(self) -> Path:
        """The file that a boot loader loads."""
        # From 7.1 on Debian keeps it with its modules.
        for pattern in ("boot/vmlinu[xz]-*", "usr/lib/modules/*/vmlinu[xz]"):
            for found in self.tree.glob(pattern):
                return found
        raise Unavailable(f"{self.package} of {self.source.suite} {self.source.arch} holds no kernel")

    @property
    def release(self) -> str:
        """As uname -r prints it."""
        image = self.image
        return image.name.partition("-")[2] or image.parent.name

    @cached_property
    def symbols(self) -> Path:
        """The kernel with its symbols: some 0.6 GB, from a package of 0.3 GB. Raises Unavailable."""
        return self.source.member(f"linux-image-{self.release}-dbg", f"usr/lib/debug/boot/vmlinux-{self.release}")


_CLOUD = "linux-image-cloud-amd64"
_PAE = "linux-image-686-pae"

KERNELS = {
    kernel.name: kernel
    for kernel in (
        Kernel("5.10 x86_64", "x86_64", Source("bullseye", "amd64"), _CLOUD),
        Kernel("6.1 x86_64", "x86_64", Source("bookworm", "amd64"), _CLOUD),
        Kernel("6.1 generic", "x86_64", Source("bookworm", "amd64"), "linux-image-amd64"),
        Kernel("6.12 x86_64", "x86_64", Source("trixie", "amd64"), _CLOUD),
        Kernel("7.2 x86_64", "x86_64", Source("sid", "amd64"), _CLOUD, "linux-binary"),
        Kernel("5.10 i386", "i386", Source("bullseye", "i386"), _PAE),
        Kernel("6.1 i386", "i386", Source("bookworm", "i386"), _PAE),
        Kernel("6.1 arm64", "arm64", Source("bookworm", "arm64"), "linux-image-cloud-arm64"),
        Kernel("6.12 riscv64", "riscv64", Source("trixie", "riscv64"), "linux-image-riscv64"),
        Kernel("6.1 ppc64le", "ppc64le", Source("bookworm", "ppc64el"), "linux-image-powerpc64le"),
    )
}
