"""Files of other menu writers: rEFInd, Raspberry Pi, Armbian, Limine, update-extlinux, sdboot-manage."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import laws
from support.strategies import MemoryTree

from grubkd.boot import inventory
from grubkd.boot.loaders import armbian, limine, owners, raspberrypi, refind, shell_options
from grubkd.boot.loaders.format import Format
from grubkd.errors import CannotHold, NotUnderstood

ALPINE = "/etc/update-extlinux.conf"
# A format, a path of its file, texts with a slot, and pieces of texts.
FORMATS: Mapping[str, tuple[Format, str, tuple[str, ...], tuple[str, ...]]] = {
    "refind": (
        refind.FORMAT,
        refind.FILES[0],
        ('"a" "ro quiet"\n', '"a" ro\n', '"a" ""\n', '"a" "x=""b c"" ro" more\n'),
        ('"', '""', '"a"', " ", "\n", "# c", "ro", "="),
    ),
    "raspberrypi": (
        raspberrypi.FORMAT,
        "/boot/firmware/cmdline.txt",
        ("", "ro quiet", "ro quiet\n", "ro\nmore\n"),
        ("ro", " ", "\n", "\r\n", '"'),
    ),
    "armbian": (
        armbian.FORMAT,
        armbian.FILE,
        ("", "a=1\n", "extraargs=\n", "extraargs=ro quiet\nb=2", "a=1"),
        ("extraargs", "=", "ro", " ", "\n", "\r\n", "#", "[x]", '"'),
    ),
    "shell-options": (
        shell_options.FORMAT,
        ALPINE,
        ("", "default_kernel_opts=\n", 'default_kernel_opts="ro quiet"\n', "default_kernel_opts='ro'\n", "x=1"),
        ("default_kernel_opts", "=", '"', "'", "ro", " ", "\n", "$x", "\\", "#"),
    ),
}


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_any_text_is_read_with_its_spans_or_refused_with_its_place(name: str, data: st.DataObject) -> None:
    form, file, _, pieces = FORMATS[name]
    laws.read_or_refused(form, file, data.draw(laws.texts(*pieces)))


@pytest.mark.parametrize("name", FORMATS)
@given(argument=laws.arguments)
def test_what_quote_takes_is_read_back(name: str, argument: str) -> None:
    form, file, texts, _ = FORMATS[name]
    for text in texts:
        try:
            laws.keeps(form, text, lambda document: next(laws.slots_of(document)), argument, file=file)
        except CannotHold:
            return


@pytest.mark.parametrize(
    ("form", "file", "directory"),
    [
        (refind.FORMAT, refind.FILES[0], "refind-linux"),
        (armbian.FORMAT, armbian.FILE, "name-value"),
        (limine.FORMAT, limine.FILES[0], "limine"),
    ],
)
def test_what_is_not_understood_is_refused(form: Format, file: str, directory: str) -> None:
    for path in (laws.INVALID / directory).iterdir():
        with pytest.raises(NotUnderstood):
            form.parse(file, path.read_bytes().decode("latin-1"))


@pytest.mark.parametrize("value", ['="$x"', "=`x`", "+=x", "=a'b'"])
def test_a_value_that_the_shell_computes_is_refused(value: str) -> None:
    with pytest.raises(NotUnderstood):
        shell_options.FORMAT.parse(ALPINE, f"default_kernel_opts{value}")


CONFIG = "[pi4]\nkernel=other.img\n[all]\n# c\nkernel=vmlinuz\nos_prefix=current/\ncmdline=args.txt\n"


@pytest.mark.parametrize(
    ("config", "kernel", "file", "known"),
    [
        ("", "kernel8.img", "cmdline.txt", True),
        (CONFIG, "current/vmlinuz", "current/args.txt", True),
        ("os_prefix=missing/\n", "kernel8.img", "cmdline.txt", True),
        ("[pi4]\ncmdline=args.txt\n", "kernel8.img", "cmdline.txt", False),
        ("[none]\ncmdline=args.txt\n", "kernel8.img", "cmdline.txt", True),
    ],
)
def test_config_txt_names_the_files_of_the_firmware(config: str, kernel: str, file: str, known: bool) -> None:
    names = ("kernel8.img", "start4.elf", "current/vmlinuz", "current/args.txt", "cmdline.txt")
    tree = MemoryTree(
        {f"/boot/firmware/{name}": b"" for name in names} | {"/boot/firmware/config.txt": config.encode()}
    )
    entry = inventory.read(tree).entries[0]
    assert (entry.boots[0].path, entry.source.file) == (kernel, f"/boot/firmware/{file}")
    assert (entry.not_known == "") is known


LIMINE = """default_entry=3
:A
::B
PROTOCOL=linux
KERNEL_PATH=boot():/b
:+C
::D
protocol=linux
path=boot():/d#0a
cmdline=ro
:E
path=x
"""


def test_limine_counts_visible_lines() -> None:
    stanzas = limine.FORMAT.parse("/boot/limine.cfg", LIMINE).stanzas
    found = [(each.title, each.nesting[0][0], [image.path for image in each.images]) for each in stanzas]
    assert found == [("B", 0, ["boot():/b"]), ("D", 3, ["boot():/d"]), ("E", 4, [])]
    tree = MemoryTree({"/boot/limine.cfg": LIMINE.encode()})
    assert [entry.title for entry in inventory.read(tree).entries if entry.default] == ["D"]


@pytest.mark.parametrize(
    ("files", "name", "arguments"),
    [
        ({"/etc/lilo.conf": b"append = quiet\n"}, "lilo", ("quiet",)),
        ({"/etc/elilo.conf": b"x\n"}, "elilo", ()),
        ({"/etc/kboot.conf": b"a='/k ro'\nb='/k b'\ndefault=b\n"}, "petitboot", ("/k", "b")),
        ({"/etc/kboot.conf": b"nothing\n"}, "petitboot", ()),
        ({"/boot/boot.scr": b"", "/usr/sbin/flash-kernel": b""}, "flash-kernel", ()),
        ({"/boot/boot.scr": b""}, "u-boot", ()),
        ({"/boot/uEnv.txt": b"optargs=ro\n"}, "u-boot", ("ro",)),
    ],
)
def test_a_menu_that_is_not_read_has_a_name(files: dict[str, bytes], name: str, arguments: tuple[str, ...]) -> None:
    owner = inventory.read(MemoryTree(files)).owner
    assert owner
    assert (owner.name, owner.arguments) == (name, arguments)
    assert "{}" in owner.statement


def test_a_leftover_of_another_loader_does_not_own_a_menu() -> None:
    menu = b"menuentry x {\n linux /vmlinuz ro\n}\n"
    config = inventory.read(MemoryTree({"/boot/grub/grub.cfg": menu, "/etc/lilo.conf": b""}))
    assert (config.owner, config.managed_by) == (None, None)


class LiveTree(MemoryTree):
    live = True


def test_a_read_only_root_belongs_to_transactional_update(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/boot/grub2/grub.cfg": b"menuentry x {\n linux /vmlinuz ro\n}\n",
        "/usr/sbin/transactional-update": b"",
        "/etc/fstab": b"UUID=1 / btrfs defaults,ro 0 0\n",
    }
    monkeypatch.delenv("TRANSACTIONAL_UPDATE", raising=False)
    managed = [inventory.read(tree).entries[0].managed_by for tree in (LiveTree(files), MemoryTree(files))]
    assert managed == [owners.ManagedBy.TRANSACTIONAL, None]
    monkeypatch.setenv("TRANSACTIONAL_UPDATE", "true")
    assert inventory.read(LiveTree(files)).entries[0].managed_by is None
