"""How the files of each bootloader join into entries and future lines; used by inventory alone."""
