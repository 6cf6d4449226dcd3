"""The lab: real boot loaders boot real kernels in QEMU's software emulation, with the lines that grubkd wrote."""
