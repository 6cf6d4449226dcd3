# shellcheck shell=bash disable=SC2034
# Sourced by test.sh and lab.sh: the Debian packages that the lab needs on the host.

# For its short tests.
LAB_PACKAGES=(
    qemu-system-x86 mtools dosfstools e2fsprogs fdisk binutils kmod grub-common debian-archive-keyring
)
# For its long tests: machines of other architectures, a Debian with grubkd's package, and a Debian that Ansible manages.
LAB_LONG_PACKAGES=(
    qemu-system-arm qemu-system-misc qemu-system-ppc debootstrap python3-setuptools
    ansible-core openssh-client dpkg-dev debhelper dh-python pybuild-plugin-pyproject python3-all python3-lark
)
