"""Whole trees for hypothesis: every layout, with the arguments and oddities of real ones."""

from collections.abc import Mapping

from hypothesis import strategies as st

from grubkd.errors import InputOutput

ARGUMENTS = st.sampled_from(
    [
        "ro",
        "quiet",
        "root=UUID=0f3c-22",
        "console=tty0",
        "console=ttyS0,115200n8",
        "crashkernel=128M",
        "crashkernel=256M,high",
        "crashkernel=72M,low",
        "crashkernel=1G-4G:192M,4G-:256M",
        "a:b=1",
        "a,b=1",
        "ip=a::b",
        "rd.lvm.lv=vg/root",
        "x=1=2",
        "caf\u00e9=\u00fc",
        "rhgb",
    ]
)
QUOTED = st.just('dyndbg="file a.c +p"')
END = st.sampled_from([[], ["--", "single"], ["--", "crashkernel=1M"]])
LINES = st.builds(lambda words, end: words + end, st.lists(ARGUMENTS | QUOTED, max_size=6), END)
BLANKS = st.sampled_from([" ", "\t", "  "])
NEWLINES = st.sampled_from(["\n", "\r\n"])


class MemoryTree:
    """A tree of files that exist only in memory."""

    live = False

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def exists(self, path: str) -> bool:
        return path in self.files or bool(self.list(path))

    def resolve(self, path: str) -> str | None:
        return path if self.exists(path) else None

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise InputOutput(f"{path} is not a regular file")
        return self.files[path]

    def part(self, path: str, start: int, size: int) -> bytes:
        return self.read(path)[start : start + size]

    def list(self, path: str) -> tuple[str, ...]:
        top = path.rstrip("/") + "/"
        return tuple(sorted({file[len(top) :].partition("/")[0] for file in self.files if file.startswith(top)}))


@st.composite
def legacy_files(draw: st.DrawFn) -> dict[str, bytes]:
    eol = draw(NEWLINES)
    text = f"default={draw(st.integers(0, 2))}{eol}# a comment{eol}"
    for number in range(draw(st.integers(1, 3))):
        blank = draw(BLANKS)
        words = "".join(draw(BLANKS) + word for word in draw(LINES))
        text += f"title{blank}T{number}{eol}{blank}kernel{blank}/vmlinuz-2.6.32-{number}.el6.x86_64{words}{eol}"
        if draw(st.booleans()):
            text += f"\tinitrd /initramfs-2.6.32-{number}.el6.x86_64.img{eol}"
    if draw(st.booleans()):
        text = text.removesuffix("\n").removesuffix("\r")
    return {"/boot/grub/grub.conf": text.encode()}


@st.composite
def bls_files(draw: st.DrawFn) -> dict[str, bytes]:
    files = {}
    uses_kernelopts = draw(st.booleans())
    for number in range(draw(st.integers(1, 3))):
        eol = draw(NEWLINES)
        text = f"title T{number}{eol}version 5.14.0-{number}.el9{eol}linux /vmlinuz-5.14.0-{number}.el9{eol}"
        # GRUB reads the first one only. If that lost its only argument, GRUB would read the next: grubkd refuses.
        for at in range(lines := draw(st.integers(0, 2))):
            words = [*(["ro"] if lines > 1 else []), *draw(LINES)]
            if uses_kernelopts and at == 0:
                words = ["$kernelopts", *words]
            if words:
                text += f"options {' '.join(words)}{eol}"
        files[f"/boot/loader/entries/m-5.14.0-{number}.el9.conf"] = text.encode()
    if draw(st.booleans()):
        files["/boot/grub2/grub.cfg"] = b'set default="${saved_entry}"\nblscfg\n'
        if uses_kernelopts:
            block = b"# GRUB Environment Block\nkernelopts=" + " ".join(draw(LINES)).encode() + b"\n"
            files["/boot/grub2/grubenv"] = block + b"#" * (1024 - len(block))
    else:
        files["/boot/loader/loader.conf"] = b"timeout 3\n"
    if draw(st.booleans()):
        files["/etc/kernel/cmdline"] = (" ".join(draw(LINES)) + draw(st.sampled_from(["", "\n"]))).encode()
    return files


@st.composite
def grub2_files(draw: st.DrawFn) -> dict[str, bytes]:
    plain = st.lists(ARGUMENTS, max_size=5)
    common, normal = draw(plain), draw(plain)
    quote = draw(st.sampled_from("\"'"))
    source = (
        f"GRUB_DEFAULT=0\nGRUB_DISTRIBUTOR=`lsb_release -i -s`\nGRUB_CMDLINE_LINUX={quote}{' '.join(common)}{quote}\n"
    )
    source += f"GRUB_CMDLINE_LINUX_DEFAULT={quote}{' '.join(normal)}{quote}\n"
    if draw(st.booleans()):
        source += 'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT ' + " ".join(draw(plain)) + '"\n'
    script = 'set default="0"\n### BEGIN /etc/grub.d/10_linux ###\n'
    for number in range(draw(st.integers(1, 2))):
        script += f"menuentry 'T{number}' --class x $menuentry_id_option 'id{number}' {{\n"
        script += f"\tlinux\t/vmlinuz-6.1.0-{number}-amd64 root=/dev/vda1 ro {' '.join(common + normal)}\n}}\n"
        script += f"submenu 'More {number}' {{\n menuentry 'T{number} (recovery mode)' {{\n"
        script += f"  linux /vmlinuz-6.1.0-{number}-amd64 root=/dev/vda1 ro single {' '.join(common)}\n }}\n}}\n"
    script += "### END /etc/grub.d/10_linux ###\n"
    if draw(st.booleans()):
        words = " ".join(word for word in draw(LINES))
        script += f"menuentry custom {{ linux /vmlinuz-custom-6.9.0 {words}; initrd /i.img; }}\n"
    return {"/etc/default/grub": source.encode(), "/boot/grub/grub.cfg": script.encode()}


@st.composite
def extlinux_files(draw: st.DrawFn) -> dict[str, bytes]:
    eol = draw(NEWLINES)
    text = f"DEFAULT l0{eol}"
    shared = draw(LINES) if draw(st.booleans()) else []
    if shared:
        text += f"append {' '.join(shared)}{eol}"
    for number in range(draw(st.integers(1, 3))):
        text += f"label l{number}{eol}\tmenu label Linux {number}{eol}\tlinux /vmlinuz-6.1.0-{number}-arm64{eol}"
        words = draw(LINES)
        if words and draw(st.booleans()):
            text += f"\tAPPEND {' '.join(words)}{eol}"
        if draw(st.booleans()):
            text += f"\tinitrd /initrd.img-6.1.0-{number}-arm64{eol}"
    return {"/boot/extlinux/extlinux.conf": text.encode()}


@st.composite
def zipl_files(draw: st.DrawFn) -> dict[str, bytes]:
    text = "[defaultboot]\ndefaultauto\ntarget=/boot\n"
    for number in range(draw(st.integers(1, 3))):
        blank = draw(st.sampled_from(["", " ", "\t"]))
        text += f"[l{number}]\n{blank}image{blank}={blank}/boot/vmlinuz-6.1.0-{number}-s390x\n"
        words = draw(LINES)
        quote = draw(st.sampled_from(["", "'"]))
        if words or draw(st.booleans()):
            text += f"{blank}parameters{blank}={blank}{quote}{' '.join(words)}{quote}{blank}\n"
        text += draw(st.sampled_from(["", "# a comment\n", "target=/boot\n"]))
    files = {"/etc/zipl.conf": text.encode()}
    for number in range(draw(st.integers(0, 2))):
        text = f"title T{number}\nlinux /vmlinuz-5.14.0-{number}.el9.s390x\noptions {' '.join(draw(LINES) or ['ro'])}\n"
        files[f"/boot/loader/entries/m-5.14.0-{number}.el9.s390x.conf"] = text.encode()
    return files


TREES = st.one_of(legacy_files(), bls_files(), grub2_files(), extlinux_files(), zipl_files()).map(MemoryTree)
