import subprocess
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import laws

from grubkd.boot.document import Document, Image, Slot, Stanza, Word
from grubkd.boot.loaders import bls, systemd_boot
from grubkd.errors import CannotHold, Notice, NotUnderstood, Place
from grubkd.tree.tree import Overlay

FILE = "/boot/loader/entries/c0ffee-5.14.0-362.8.1.el9_3.x86_64.conf"

RHEL9 = (
    "title Red Hat Enterprise Linux (5.14.0-362.8.1.el9_3.x86_64) 9.3 (Plow)\n"
    "version 5.14.0-362.8.1.el9_3.x86_64\n"
    "linux /vmlinuz-5.14.0-362.8.1.el9_3.x86_64\n"
    "initrd /initramfs-5.14.0-362.8.1.el9_3.x86_64.img $tuned_initrd\n"
    'options root=/dev/mapper/rhel-root  ro dyndbg="file a.c +p" $tuned_params \n'
    "grub_users $grub_users\n"
    "grub_arg --unrestricted\n"
    "grub_class rhel\n"
)


class Files:
    """A tree of names only, as find needs it; `links` are those that resolve elsewhere."""

    live = False

    def __init__(self, directories: Mapping[str, tuple[str, ...]], links: Mapping[str, str]) -> None:
        self.directories = directories
        self.links = links

    def exists(self, path: str) -> bool:
        return self.resolve(path) is not None

    def resolve(self, path: str) -> str | None:
        directory, _, name = path.rpartition("/")
        return self.links.get(path, path) if name in self.directories.get(directory, ()) else None

    def read(self, path: str) -> bytes:
        raise AssertionError(f"find reads {path}")

    def list(self, path: str) -> tuple[str, ...]:
        return self.directories.get(path, ())


def the_slot(document: Document) -> Slot:
    return document.stanzas[0].images[0].slots[0]


def refused(text: str) -> tuple[str, int, int]:
    with pytest.raises(NotUnderstood) as raised:
        bls.parse_snippet(FILE, text)
    place = raised.value.place
    assert place is not None
    assert place.file == FILE
    return raised.value.message, place.line, place.column


def test_a_snippet_of_rhel_9() -> None:
    at = RHEL9.index("options ") + len("options ")
    words = (
        Word(at, at + 26, "root=/dev/mapper/rhel-root"),
        Word(at + 28, at + 30, "ro"),
        Word(at + 31, at + 51, 'dyndbg="file a.c +p"'),
        Word(at + 52, at + 65, "$tuned_params", "tuned_params"),
    )
    assert bls.FORMAT.parse(FILE, RHEL9) == Document(
        FILE,
        "bls",
        stanzas=(
            Stanza(
                title="Red Hat Enterprise Linux (5.14.0-362.8.1.el9_3.x86_64) 9.3 (Plow)",
                line=1,
                images=(
                    Image(
                        "/vmlinuz-5.14.0-362.8.1.el9_3.x86_64",
                        (Slot(FILE, "bls", "options", at, at + 65, 5, words),),
                        line=3,
                    ),
                ),
                initrds=("/initramfs-5.14.0-362.8.1.el9_3.x86_64.img",),
                id="c0ffee-5.14.0-362.8.1.el9_3.x86_64",
                keys={
                    "version": "5.14.0-362.8.1.el9_3.x86_64",
                    "grub_users": "$grub_users",
                    "grub_arg": "--unrestricted",
                    "grub_class": "rhel",
                },
            ),
        ),
    )


def test_a_snippet_of_kernel_install_with_what_the_specification_adds() -> None:
    text = (
        "# Boot Loader Specification type#1 entry\r\n\r\n  title      Debian GNU/Linux 13 (trixie)\r\n"
        "version\t6.12.9-amd64\r\nmachine-id 0123abcd\r\nsort-key debian\r\narchitecture x64\r\n"
        "future-key some value\r\n"
        "options quiet\r\n\toptions\t splash # no comment \r\nlinux /debian/6.12.9-amd64/linux\r\n"
        "initrd /debian/ucode /debian/6.12.9-amd64/initrd\r\ninitrd /debian/extra"
    )
    document = bls.parse_snippet("/efi/loader/entries/debian-6.12.9-amd64+3-1.conf", text)
    stanza = document.stanzas[0]
    assert (stanza.title, stanza.line, stanza.id) == (
        "Debian GNU/Linux 13 (trixie)",
        1,
        "debian-6.12.9-amd64+3-1",
    )
    assert stanza.keys == {
        "version": "6.12.9-amd64",
        "machine-id": "0123abcd",
        "sort-key": "debian",
        "architecture": "x64",
        "future-key": "some value",
    }
    assert stanza.initrds == ("/debian/ucode", "/debian/6.12.9-amd64/initrd", "/debian/extra")
    image = stanza.images[0]
    assert (image.path, image.line) == ("/debian/6.12.9-amd64/linux", 11)
    assert [text[slot.start : slot.end] for slot in image.slots] == ["quiet", "splash # no comment"]
    assert [(slot.line, slot.style) for slot in image.slots] == [(9, "not-grub"), (10, "not-grub")]
    assert document.warnings == ()


@pytest.mark.parametrize(
    ("text", "start", "before", "after", "expected"),
    [
        (
            "title a\nlinux /v\ninitrd /i\n",
            17,
            "options ",
            "\n",
            "title a\nlinux /v\noptions crashkernel=64M\ninitrd /i\n",
        ),
        ("linux /v\r\ninitrd /i\r\n", 10, "options ", "\r\n", "linux /v\r\noptions crashkernel=64M\r\ninitrd /i\r\n"),
        ("title a\nlinux /v", 16, "\noptions ", "", "title a\nlinux /v\noptions crashkernel=64M"),
        ("title a\r\nlinux /v", 17, "\r\noptions ", "", "title a\r\nlinux /v\r\noptions crashkernel=64M"),
        ("linux /v\noptions\ninitrd /i\n", 16, " ", "", "linux /v\noptions crashkernel=64M\ninitrd /i\n"),
        ("linux /v\noptions \t\n", 18, "", "", "linux /v\noptions \tcrashkernel=64M\n"),
        ("linux /v\noptions", 16, " ", "", "linux /v\noptions crashkernel=64M"),
    ],
)
def test_a_snippet_without_options_says_where_they_will_stand(
    text: str, start: int, before: str, after: str, expected: str
) -> None:
    slot = the_slot(bls.parse_snippet(FILE, text))
    assert (slot.start, slot.end, slot.before, slot.after, slot.words) == (start, start, before, after, ())
    assert laws.spliced(text, slot, ["crashkernel=64M"]) == expected
    assert [w.text for w in the_slot(bls.parse_snippet(FILE, expected)).words] == ["crashkernel=64M"]


def test_snippets_that_load_no_linux() -> None:
    unified = bls.parse_snippet("/efi/loader/entries/uki.conf", "title UKI\nefi /EFI/Linux/a.efi\noptions ro\n")
    assert unified.stanzas == (Stanza(title="UKI", line=1, images=(), id="uki", keys={"efi": "/EFI/Linux/a.efi"}),)
    empty = bls.parse_snippet(FILE, "title cut off by a power failure\n")
    assert empty.stanzas == ()
    assert [(notice.code, notice.place) for notice in empty.warnings] == [("empty-snippet", Place(FILE))]


def test_a_snippet_without_title_is_called_by_its_name() -> None:
    stanza = bls.parse_snippet("/boot/loader/entries/a.conf", "# c\nlinux /v\noptions ro\n").stanzas[0]
    assert (stanza.title, stanza.line) == ("a", 1)


@pytest.mark.parametrize(
    ("text", "styles"),
    [
        ("linux /v\noptions a\noptions b\n\n", ["", "not-grub"]),
        # The second is the place of a line that GRUB would read.
        ("linux /v\n\noptions a\n", ["not-grub", ""]),
        ("linux /v\noptions\ta b\n", ["not-grub", ""]),
        ("linux /v\noptions\ta b\noptions c\n", ["not-grub", ""]),
        ("linux\t/v\noptions\ta\n", [""]),
        ("linux /v\n=======\noptions a\n", ["not-grub", ""]),
        ("linux /v\noptions a\n \t\r\ninitrd /i\n", [""]),
        ("options \nlinux /v\n", [""]),
        ("title\nlinux /v\noptions a\n", ["not-grub"]),
        ("\nlinux /v\noptions a\n", ["not-grub"]),
        ("linux /v\n# c\noptions a\ngrub_arg\n\ngrub_class x\n", [""]),
    ],
)
def test_what_grub_does_not_read_is_marked(text: str, styles: list[str]) -> None:
    assert [slot.style for slot in laws.slots_of(bls.parse_snippet(FILE, text))] == styles


def test_references_are_whole_words() -> None:
    slot = the_slot(bls.parse_snippet(FILE, "linux /v\noptions $kernelopts ${tuned_params} x=$y $1 $ a$b\n"))
    assert [(word.text, word.reference) for word in slot.words] == [
        ("$kernelopts", "kernelopts"),
        ("${tuned_params}", "tuned_params"),
        ("x=$y", None),
        ("$1", None),
        ("$", None),
        ("a$b", None),
    ]


def test_the_stray_quote_of_a_pasted_value_is_a_word_of_its_own() -> None:
    document = bls.parse_snippet(FILE, 'linux /v\noptions ro crashkernel=64M@16M" rhgb quiet\n')
    assert [w.text for w in the_slot(document).words] == ["ro", 'crashkernel=64M@16M"', "rhgb", "quiet"]
    assert [(n.code, n.place) for n in document.warnings] == [("stray-quote", Place(FILE, 2, 31))]
    document = bls.parse_snippet(FILE, 'linux /v\noptions ro x="a b quiet\n')
    assert [w.text for w in the_slot(document).words] == ["ro", 'x="a b quiet']
    assert [(n.code, n.place) for n in document.warnings] == [("unbalanced-quote", Place(FILE, 2, 14))]


@pytest.mark.parametrize(
    ("fault", "message", "line", "column"),
    [
        ("carriage-return-in-line", r"not understood: '\r'", 3, 11),
        ("nul-byte", r"not understood: '\x00'", 3, 11),
    ],
)
def test_what_is_refused_says_where(fault: str, message: str, line: int, column: int) -> None:
    text = (laws.INVALID / "bls" / fault).read_bytes().decode("latin-1")
    assert refused(text) == (message, line, column)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("linux /a\nlinux /b\n", "names two images"),
        ("linux /a\nefi /b\n", "names two images"),
        ("linux /a ro\noptions quiet\n", "has a blank behind the path"),
        ("linux /a\noptions ro\n", ""),
    ],
)
def test_arguments_are_not_known_where_readers_differ(text: str, reason: str) -> None:
    found = bls.parse_snippet(FILE, text).stanzas[0]
    assert found.not_known.startswith(reason)
    assert bool(found.not_known) is bool(reason)


def test_every_invalid_snippet_has_its_test() -> None:
    marks = test_what_is_refused_says_where.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in marks[0].args[1]} == {path.name for path in (laws.INVALID / "bls").iterdir()}


def test_find_takes_conf_files_of_every_directory_each_real_file_once() -> None:
    tree = Files(
        {
            "/boot/loader/entries": ("a.conf", "b.conf", "b.conf.bak", "c.conf.rpmsave", ".hidden.conf", "README"),
            "/efi/loader/entries": ("a.conf",),
            "/boot/efi/loader/entries": ("e.conf",),
        },
        {"/efi/loader/entries/a.conf": "/boot/loader/entries/a.conf"},
    )
    assert bls.FORMAT.find(Overlay(tree, {})) == (
        "/boot/loader/entries/a.conf",
        "/boot/loader/entries/b.conf",
        "/boot/efi/loader/entries/e.conf",
    )


@pytest.mark.parametrize(
    "argument",
    [
        "x=a;b",
        "x=a|b",
        "a&b",
        "x=<a",
        "x=>a",
        "x={a",
        "}",
        "x=$y",
        r"x=a\b",
        "x='a'",
        "#x",
        '"$x"',
        r'x="a\b"',
        "x='a b'",
    ],
)
def test_no_argument_becomes_script(argument: str) -> None:
    slot = Slot(FILE, "bls", "options", 0, 0, 1, (), style="grub")
    with pytest.raises(CannotHold):
        bls.quote(slot, argument)


@pytest.mark.parametrize(
    "argument", ["a:b=1", "a,b=1", "ip=a::b", 'dyndbg="file a.c +p; file b.c -p"', "x=1-2@3#4", "--"]
)
def test_what_script_takes_as_it_stands_is_written_as_it_stands(argument: str) -> None:
    assert bls.quote(Slot(FILE, "bls", "options", 0, 0, 1, (), style="grub"), argument) == argument


@pytest.mark.parametrize("argument", ["", "a b", "a\nb", "a\r", '"a\nb"', "a\0", 'x="a', "a\xa0b"])
def test_what_is_not_one_argument_of_a_line_is_refused(argument: str) -> None:
    with pytest.raises(CannotHold):
        bls.quote(Slot(FILE, "bls", "options", 0, 0, 1, ()), argument)


PIECES = (
    "title a",
    "linux /v",
    "options",
    "options ro",
    "initrd /i",
    "\n",
    "\r\n",
    " ",
    "\t",
    "#",
    '"',
    "$x",
    "efi /e",
    "\r",
)


@given(laws.texts(*PIECES))
def test_any_text_is_read_with_its_spans_or_refused_with_its_place(text: str) -> None:
    document = laws.read_or_refused(bls.FORMAT, FILE, text)
    for slot in laws.slots_of(document) if document else ():
        assert [text[word.start : word.end] for word in slot.words] == [word.text for word in slot.words]


@given(laws.arguments)
def test_what_quote_takes_is_read_back(argument: str) -> None:
    for text in ("linux /v\noptions ro  x=1\ninitrd /i\n", "linux /v\r\n", "linux /v", "linux /v\noptions\n"):
        try:
            laws.keeps(bls.FORMAT, text, the_slot, argument, file=FILE)
        except CannotHold:
            return


@settings(max_examples=50)
@given(st.lists(laws.arguments, min_size=20, max_size=20))
def test_grub_reads_what_quote_writes_as_one_command(arguments: list[str]) -> None:
    slot = Slot(FILE, "bls", "options", 0, 0, 1, (), style="grub")
    script = "true\n"
    for argument in arguments:
        try:
            script += as_one_command(bls.quote(slot, argument))
        except CannotHold:
            continue
    assert grub_script_check(script)


def as_one_command(argument: str) -> str:
    """Script that is wrong where the argument ends the command (`then` begins none) or begins a comment."""
    return f'linux ($root)/v ro {argument} then "\n"\n'


def grub_script_check(script: str) -> bool:
    done = subprocess.run(["grub-script-check"], input=script.encode("latin-1"), capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("argument", ["a;", "a|", "a&", "a<b", "a>b", "{", "}", "a}", "#", "[[", "]]", "'"])
def test_what_is_refused_would_be_read_otherwise(argument: str) -> None:
    assert not grub_script_check(as_one_command(argument))
    with pytest.raises(CannotHold):
        bls.quote(Slot(FILE, "bls", "options", 0, 0, 1, (), style="grub"), argument)


def test_systemd_boot() -> None:
    text = '# systemd-boot\ntimeout 3\n\ndefault\t debian-*\neditor\nconsole-mode "max"\ntimeout  5\n'
    found = systemd_boot.FORMAT.parse("/efi/loader/loader.conf", text)
    assert found._replace(default=None) == Document(
        "/efi/loader/loader.conf",
        "loader-conf",
        settings={"timeout": "5", "default": "debian-*", "console-mode": "max"},
    )


def test_systemd_boot_is_refused_with_its_place() -> None:
    with pytest.raises(NotUnderstood) as raised:
        systemd_boot.parse_settings("/efi/loader/loader.conf", "timeout 3\ndefault a\0b\n")
    assert raised.value.place == Place("/efi/loader/loader.conf", 2, 10)


def test_a_warning_has_a_hint_where_something_can_be_done() -> None:
    notice = bls.parse_snippet(FILE, 'linux /v\noptions x="a\n').warnings[0]
    assert notice == Notice(
        "unbalanced-quote",
        "a double quote that is never closed: the kernel reads the rest of the line as one argument",
        "close the quote or remove it",
        Place(FILE, 2, 11),
    )


def test_a_line_that_grub_ignores_does_not_take_the_place_of_an_emptied_one() -> None:
    text = "linux /vmlinuz\noptions quiet\noptions single\n"
    slot = Slot(FILE, "bls", "options", text.index("quiet"), text.index("quiet") + 5, 2, (), style="grub")
    with pytest.raises(CannotHold) as caught:
        bls.vacate(text, slot)
    assert caught.value.place == Place(FILE, 2)
    for other in (text.replace("options single\n", ""), text):
        emptied = slot._replace(style="grub" if other != text else "")
        start, end = bls.vacate(other, emptied)
        assert other[start:end] == "options quiet\n"
