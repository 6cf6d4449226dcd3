# shellcheck shell=bash disable=SC2034
# Sourced by test.sh and lab.sh: the Debian packages that the lab needs on the host.

# Its short part.
LAB_PACKAGES=(
    qemu-system-x86 mtools dosfstools e2fsprogs fdisk binutils kmod grub-common debian-archive-keyring
)
# Its long part: machines of other architectures, a Debian of its own with grubkd built for it, and one that Ansible
# manages and installs grubkd's package on.
LAB_LONG_PACKAGES=(
    qemu-system-arm qemu-system-misc qemu-system-ppc debootstrap python3-setuptools
    python3-venv openssh-client dpkg-dev debhelper dh-python pybuild-plugin-pyproject python3-all python3-lark
)
