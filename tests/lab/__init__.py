"""The lab: real bootloaders boot real kernels, in QEMU's software emulation, with what grubkd wrote."""
