"""Small trees of GRUB 2 as real media and appliances have them: what is edited, and where."""

import subprocess
from pathlib import Path

import pytest
from commands.test_fixtures import run

CFG = "/boot/grub/grub.cfg"
DEFAULT = "/etc/default/grub"
DROP_IN = "/etc/default/grub.d/90-crashkernel.cfg"
KERNEL = {"/boot/vmlinuz-6.1.0-9-amd64": "x", "/etc/os-release": "ID=debian\n"}
GENERATED = """### BEGIN /etc/grub.d/10_linux ###
menuentry 'Debian GNU/Linux' {
	linux	/boot/vmlinuz-6.1.0-9-amd64 root=UUID=3f1c ro site=1 quiet
}
### END /etc/grub.d/10_linux ###
"""


class Tree:
    """A tree of these files."""

    def __init__(self, top: Path, files: dict[str, str]) -> None:
        self.top = top
        for name, text in files.items():
            path = top / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def read(self, name: str) -> str:
        return (self.top / name.lstrip("/")).read_text()

    def exists(self, name: str) -> bool:
        return (self.top / name.lstrip("/")).exists()

    def run(self, *argv: str) -> dict[str, object]:
        machine = ("--arch", "x86_64", "--ram", "8G") if argv[0] == "set" else ()
        return run([*argv, *machine, "--root", str(self.top), "--json"]).answer

    def foreign(self) -> list[bool]:
        return [entry["foreign"] for entry in self.run("show")["entries"]]  # type: ignore[attr-defined]


@pytest.fixture
def tree(tmp_path: Path, request: pytest.FixtureRequest) -> Tree:
    return Tree(tmp_path, request.param)


def values(tree: Tree) -> list[str]:
    """GRUB_CMDLINE_LINUX as the shell has it after all sources."""
    script = f". .{DEFAULT}; for x in ./etc/default/grub.d/*.cfg; do [ -e $x ] && . $x; done; echo $GRUB_CMDLINE_LINUX"
    done = subprocess.run(["sh", "-c", script], cwd=tree.top, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.split()


SITE = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="$(echo site=1)"\n'
CONDITION = {
    DEFAULT: 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n',
    "/etc/default/grub.d/40_site.cfg": 'if true; then\n\tGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX site=1"\nfi\n',
}


@pytest.mark.parametrize(
    "tree", [{CFG: GENERATED, DEFAULT: SITE, **KERNEL}, {CFG: GENERATED, **CONDITION, **KERNEL}], indirect=True
)
def test_behind_a_value_that_is_not_followed(tree: Tree) -> None:
    assert tree.run("set", "256M")["changed"]
    assert values(tree) == ["site=1", "crashkernel=256M"]
    assert "ro site=1 crashkernel=256M quiet" in tree.read(CFG)
    assert tree.run("set", "128M")["changed"]
    assert values(tree) == ["site=1", "crashkernel=128M"]
    assert tree.run("unset")["changed"]
    assert values(tree) == ["site=1"]
    assert not tree.exists(DROP_IN)
    assert tree.read(CFG) == GENERATED


@pytest.mark.parametrize(
    "tree", [{CFG: GENERATED, DEFAULT: SITE, **KERNEL, "/etc/os-release": "ID=arch\n"}], indirect=True
)
def test_without_drop_ins_the_end_of_the_source(tree: Tree) -> None:
    assert tree.run("set", "256M")["changed"]
    assert tree.read(DEFAULT) == SITE + 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX crashkernel=256M"\n'


DISKS = """search --set=drive1 --fs-uuid 1111-2222
menuentry a { linux ($drive1)/boot/vmlinuz-6.1.0-9-amd64 root=/dev/sda1 }
menuentry b { linux (hd0,1)/boot/vmlinuz-6.1.0-9-amd64 root=/dev/sda1 }
menuentry c { linux (hd1,1)/boot/vmlinuz-other root=/dev/sdb1 }
menuentry d { set iso=/x.iso; loopback loop0 $iso; linux (loop0)/vmlinuz }
menuentry e { loopback l /x.iso; set root=l; linux /vmlinuz }
menuentry f { search --no-floppy --label --set=root OTHER; linux /vmlinuz root=LABEL=OTHER }
"""
FSTAB = {"/etc/fstab": "/dev/disk/by-uuid/1111-2222 / ext4 d 0 1\n"}


@pytest.mark.parametrize("tree", [{CFG: DISKS, **KERNEL, **FSTAB}], indirect=True)
def test_devices(tree: Tree) -> None:
    # A label is compared with labels only: this system has none.
    assert tree.foreign() == [False, False, True, True, True, False]


@pytest.mark.parametrize(
    "tree", [{CFG: "linux /boot/vmlinuz-6.1.0-9-amd64 root=/dev/sda1\nboot\n", **KERNEL}], indirect=True
)
def test_a_script_without_a_menu_is_one_entry(tree: Tree) -> None:
    assert tree.run("set", "256M")["changed"]
    assert tree.read(CFG) == "linux /boot/vmlinuz-6.1.0-9-amd64 root=/dev/sda1 crashkernel=256M\nboot\n"


VARIABLES = """set base="quiet crashkernel=64M"
set all="root=/dev/sda1 $base"
menuentry a { linux /boot/vmlinuz-6.1.0-9-amd64 $all }
menuentry b { set mine='root=/dev/sda2 crashkernel=1M'; linux /boot/vmlinuz-6.1.0-9-amd64 $mine }
menuentry c { set mine='root=/dev/sda3'; linux /boot/vmlinuz-6.1.0-9-amd64 $mine }
"""


@pytest.mark.parametrize("tree", [{CFG: VARIABLES, **KERNEL}], indirect=True)
def test_variables_in_variables_and_in_entries(tree: Tree) -> None:
    assert tree.run("set", "256M")["changed"]
    wanted = VARIABLES.replace("64M", "256M").replace("=1M", "=256M")
    assert tree.read(CFG) == wanted.replace("amd64 $mine }\n", "amd64 $mine crashkernel=256M }\n").replace(
        "$mine crashkernel=256M }\nmenuentry c", "$mine }\nmenuentry c"
    )


OUTSIDE = {
    CFG: "source /opt/x.cfg\n",
    "/opt/x.cfg": "menuentry a { linux /boot/vmlinuz-6.1.0-9-amd64 root=/dev/sda1 }\n",
}


@pytest.mark.parametrize("tree", [{**OUTSIDE, **KERNEL}], indirect=True)
def test_a_script_outside_of_the_boot_directories_is_not_written(tree: Tree) -> None:
    answer = tree.run("set", "256M")
    assert (answer["exit"], answer["error"]["code"]) == (4, "arguments-not-known")  # type: ignore[index]
