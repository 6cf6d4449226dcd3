import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import laws
from support.strategies import MemoryTree

from grubkd.boot import cmdline, inventory
from grubkd.boot.document import Assignment, Document, Image, Slot, Stanza, Word
from grubkd.boot.loaders import grub2, grub_script
from grubkd.errors import CannotHold, NotUnderstood, Place
from grubkd.tree.root import Root

FILE = "/boot/grub2/grub.cfg"
TREES = Path(__file__).parents[2] / "fixtures"
SCRIPTS = sorted(TREES.glob("*/root/**/grub.cfg"))

FEDORA16 = r"""### BEGIN /etc/grub.d/00_header ###
if [ -s $prefix/grubenv ]; then
  load_env
fi
set default="0"
if [ "${prev_saved_entry}" ]; then
  set saved_entry="${prev_saved_entry}"
  save_env saved_entry
  set boot_once=true
fi
function load_video {
  insmod vbe
}
set timeout=5
### END /etc/grub.d/00_header ###

### BEGIN /etc/grub.d/10_linux ###
menuentry 'Fedora (3.1.0-7.fc16.x86_64)' --class fedora --class gnu-linux {
	load_video
	set gfxpayload=keep
	search --no-floppy --fs-uuid --set=root 0e4c-22
	echo	'Loading Fedora (3.1.0-7.fc16.x86_64)'
	linux	/vmlinuz-3.1.0-7.fc16.x86_64 root=/dev/mapper/vg-root ro rd.md=0  dyndbg="file a.c +p" rhgb
	echo	'Loading initial ramdisk ...'
	initrd /initramfs-3.1.0-7.fc16.x86_64.img
}
### END /etc/grub.d/10_linux ###

### BEGIN /etc/grub.d/40_custom ###
# don't remove this line
menuentry "Windows" { chainloader +1 }
### END /etc/grub.d/40_custom ###
"""

XEN = r"""### BEGIN /etc/grub.d/20_linux_xen ###
submenu 'Advanced options for Debian (with Xen)' $menuentry_id_option 'xen-advanced' {
	menuentry 'Debian, with Xen 4.17' --class debian $menuentry_id_option 'xen-4.17' {
		insmod part_msdos
		if [ "$grub_platform" = "pc" -o "$grub_platform" = "" ]; then
			xen_rm_opts=
		else
			xen_rm_opts="no-real-mode edd=off"
		fi
		multiboot2	/xen-4.17-amd64.gz placeholder dom0_mem=2G ${xen_rm_opts}
		module2	/vmlinuz-6.1.0-18-amd64 placeholder root=/dev/sda1 ro quiet
		module2	--nounzip   /initrd.img-6.1.0-18-amd64
	}
}
### END /etc/grub.d/20_linux_xen ###
"""


def parse(text: str) -> Document:
    return grub2.FORMAT.parse(FILE, text)


def refused(text: str) -> tuple[str, int, int]:
    with pytest.raises(NotUnderstood) as raised:
        parse(text)
    place = raised.value.place
    assert place is not None
    assert place.file == FILE
    return raised.value.message, place.line, place.column


def in_entry(line: str) -> str:
    return f"menuentry a {{\n{line}\n}}\n"


def words_of(line: str) -> list[str]:
    return [word.text for word in parse(in_entry(line)).stanzas[0].images[0].slots[0].words]


def script_check(script: str) -> bool:
    """Whether GRUB's own lexer and parser take the script."""
    done = subprocess.run(
        ["grub-script-check"], input=script.encode("latin-1"), capture_output=True, check=False, timeout=30
    )
    return done.returncode == 0


def spans_in(text: str, start: int, *words: str) -> Iterator[Word]:
    for word in words:
        start = text.index(word, start)
        yield Word(start, start + len(word), word)
        start += len(word)


def test_a_menu_of_fedora_16() -> None:
    at = FEDORA16.index("root=/dev/mapper")
    words = tuple(spans_in(FEDORA16, at, "root=/dev/mapper/vg-root", "ro", "rd.md=0", 'dyndbg="file a.c +p"', "rhgb"))
    words = (*words[:3], words[3]._replace(text='"dyndbg=file a.c +p"'), words[4])
    title = "Fedora (3.1.0-7.fc16.x86_64)"
    linux = Slot(FILE, "grub2", "linux", words[0].start, words[-1].end, 23, words)
    assert parse(FEDORA16)._replace(variables=()) == Document(
        FILE,
        "grub2",
        stanzas=(
            Stanza(
                title=title,
                line=18,
                images=(Image("/vmlinuz-3.1.0-7.fc16.x86_64", (linux,), 23),),
                initrds=("/initramfs-3.1.0-7.fc16.x86_64.img",),
                nesting=((0, title, None),),
                section="/etc/grub.d/10_linux",
                generated=True,
                keys={"device": "uuid:0e4c-22", "searched": "1"},
            ),
            Stanza(
                title="Windows",
                line=31,
                images=(),
                nesting=((1, "Windows", None),),
                section="/etc/grub.d/40_custom",
            ),
        ),
        settings={"default": "0", "saved_entry": "${prev_saved_entry}", "boot_once": "true", "timeout": "5"},
    )


def test_a_menu_with_xen() -> None:
    stanza = parse(XEN).stanzas[0]
    assert stanza.nesting == (
        (0, "Advanced options for Debian (with Xen)", "xen-advanced"),
        (0, "Debian, with Xen 4.17", "xen-4.17"),
    )
    assert (stanza.id, stanza.generated, stanza.section) == ("xen-4.17", True, "/etc/grub.d/20_linux_xen")
    assert stanza.initrds == ()
    loaded = [
        (image.path, image.module, image.line, image.slots[0].variable, [word.text for word in image.slots[0].words])
        for image in stanza.images
    ]
    assert loaded == [
        ("/xen-4.17-amd64.gz", False, 10, "multiboot2", ["placeholder", "dom0_mem=2G", "${xen_rm_opts}"]),
        ("/vmlinuz-6.1.0-18-amd64", True, 11, "module2", ["placeholder", "root=/dev/sda1", "ro", "quiet"]),
        ("/initrd.img-6.1.0-18-amd64", True, 12, "module2", []),
    ]


def test_the_words_that_grub_2_06_was_seen_to_hand_over() -> None:
    line = r"""linux /v dyndbg="file a.c +p" s='x y' back\slash $undefined w="p\"q" """
    assert words_of(line) == ['"dyndbg=file a.c +p"', '"s=x y"', "backslash", "", r"w=p\"q"]


@pytest.mark.parametrize(
    ("written", "received"),
    [
        (r"a\ b", ['"a b"']),
        (r"a\x41 'a\x41' \x20", [r"a\x41", r"a\x41", r"\x20"]),
        (r"'a\b' it\'s", [r"a\\b", r"it\'s"]),
        ("a\\\nb c\\\n d \\\n\te", ["ab", "c", "d", "e"]),
        ('"a\\\n b" "\\$x" "a\\c"', ['"a b"', "$x", r"a\\c"]),
        ("a'b'\"c\"d", ["abcd"]),
        ("a*b? '*' [x] ~ a#b", ["a*b?", "*", "[x]", "~", "a#b"]),
        ('root=$root x${y}z "$root $y"', ["root=$root", "x${y}z", '"$root $y"']),
        ('"" a', ["", "a"]),
        ("if then done { b ; }".partition(" {")[0], ["if", "then", "done"]),
        ("\xe9=\xa0 # a comment", ["\xe9=\xa0"]),
        ("a \\{ b\\; \\|", ["a", "{", "b;", "|"]),
        ("$\"a b\" $'c'".partition(" $'")[0], ['"a b"']),
    ],
)
def test_words_as_the_kernel_gets_them(written: str, received: list[str]) -> None:
    assert words_of(f"linux /v {written}") == received


def test_a_reference_stays_where_something_sets_it() -> None:
    text = (
        "function gfxmode { set vt=7; }\nfor f in a b; do true; done\nsearch --set=dev x\nregexp --set 1:part x y\n"
        "search.fs_uuid 12 disk\nread answer\n"
        + in_entry('linux /v $vt $f ${dev} $part $disk $answer $1 $@ $kernelopts ${tuned_params} $root $nobody "$vt"')
    )
    slot = parse(text).stanzas[0].images[0].slots[0]
    names = ["vt", "f", "dev", "part", "disk", "answer", "1", "@", "kernelopts", "tuned_params", "root", "nobody"]
    assert [word.reference for word in slot.words] == [*names, None]
    written = [text[word.start : word.end] for word in slot.words]
    assert [word.text for word in slot.words] == [*written[:11], "", "$vt"]


def test_entries_on_one_line_with_conditions_and_alternatives() -> None:
    text = (
        'menuentry "a b" --id=one { linux16 /v1 x; initrd16 /i1 /i2; }\n'
        "submenu 's' --id s {\n"
        "  submenu t { menuentry u --unrestricted --users '' { true } ; menuentry 'it'\\''s' { linuxefi /v2; } }\n"
        "  menuentry --class c v $menuentry_id_option w {\n"
        "    if [ a = b ]; then linux /v3 c=d\n    elif true; then linux /v4\n"
        "    else\n set x=y; linux (hd0,gpt2)/v5 e; initrd $prefix/i; fi\n  }\n}\n"
        "if true; then menuentry z { configfile /x; }; fi\n"
    )
    assert script_check(text)
    document = parse(text)
    assert [(s.title, s.id, s.nesting[-1][0], [level[1] for level in s.nesting]) for s in document.stanzas] == [
        ("a b", "one", 0, ["a b"]),
        ("u", None, 0, ["s", "t", "u"]),
        ("it's", None, 1, ["s", "t", "it's"]),
        ("v", "w", 1, ["s", "v"]),
        ("z", None, 2, ["z"]),
    ]
    assert document.stanzas[0].initrds == ("/i1", "/i2")
    assert [(i.path, i.slots[0].variable, i.line) for s in document.stanzas for i in s.images] == [
        ("/v1", "linux16", 1),
        ("/v2", "linuxefi", 3),
        ("/v3", "linux", 5),
        ("/v4", "linux", 6),
        ("(hd0,gpt2)/v5", "linux", 8),
    ]
    assert document.stanzas[3].initrds == ("$prefix/i",)


def test_a_statement_without_arguments_has_a_place_for_them() -> None:
    text = in_entry("linux /v # none")
    slot = parse(text).stanzas[0].images[0].slots[0]
    at = text.index(" # none")
    assert slot == Slot(FILE, "grub2", "linux", at, at, 2, (), before=" ")
    assert words_of("linux /v x # none") == ["x"]


def test_a_command_that_is_a_variable() -> None:
    """As kiwi writes its menus."""
    text = (
        'set linux=linux\nset initrd=initrd\nif [ "${grub_platform}" = efi ]; then\nset linux=linuxefi\n'
        "set initrd=initrdefi\nfi\nset other=echo\n" + in_entry("$linux /v ro\n${initrd} /i\n$other x\n$unset y")
    )
    stanza = parse(text).stanzas[0]
    assert [(image.path, image.slots[0].variable) for image in stanza.images] == [("/v", "linux")]
    assert stanza.initrds == ("/i",)


@pytest.mark.parametrize(
    ("script", "default"),
    [
        ('set default="0"\n', "0"),
        ("default=saved\n", "saved"),
        ('if [ "${next_entry}" ] ; then\nset default="${next_entry}"\nelse\nset default="1>2"\nfi\n', "1>2"),
        ("set default=1\nif [ x = y ]; then set default=2; fi\n", "1"),
        ("if [ x = y ]; then set default=2; fi\nset default=1\n", "1"),
        ("if [ x = y ]; then set default=2; fi\n", "2"),
        ("if [ x = y ]; then true; elif [ z ]; then set default=2; fi\nset default=3\n", "3"),
        ("function f { set default=1; }\n" + in_entry("set default=2"), None),
        ("set default='a '\\''b'\n", "a 'b"),
        ("! set default=5\n", "5"),
    ],
)
def test_a_variable_has_the_value_that_no_condition_changes(script: str, default: str | None) -> None:
    assert parse(script).settings.get("default") == default


def test_blscfg_and_loaded_scripts() -> None:
    assert parse("insmod blscfg\nblscfg\n").settings == {"blscfg": "1"}
    assert parse("if [ x ]; then blscfg non-default; fi\n").settings == {"blscfg": "1"}
    stub = parse("search.fs_uuid 1-2 root hd0\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n")
    assert [each.path for each in stub.includes] == ["($root)/boot/grub/grub.cfg"]
    assert parse("function f { configfile /a; }\n").includes == ()
    assert parse("set a=$a$a$a$a$a$a$a$a\nset b=$a\nconfigfile $b\n").includes[0].path.startswith("$a$a")


def test_a_kernel_outside_every_entry_is_reported() -> None:
    document = parse("linux /v ro\nboot\nfunction f { linux /w; }\n" + in_entry("linux\nlinux16"))
    assert document.stanzas[0].images == ()
    assert [(notice.code, notice.place) for notice in document.warnings] == [
        ("linux-outside-entry", Place(FILE, 1, 1)),
        ("nothing-loaded", Place(FILE, 5, 1)),
        ("nothing-loaded", Place(FILE, 6, 1)),
    ]


def test_sections_of_the_generator() -> None:
    text = "### BEGIN /etc/grub.d/10_linux_zfs ###\n" + in_entry("true") + "### END /etc/grub.d/10_linux_zfs ###\n"
    text += (
        " ### BEGIN /etc/grub.d/10_linux ###\n"
        + in_entry("true")
        + "### BEGIN /etc/grub.d/30_os-prober ###\n"
        + in_entry("true")
    )
    stanzas = parse(text).stanzas
    assert [(stanza.section, stanza.generated) for stanza in stanzas] == [
        ("/etc/grub.d/10_linux_zfs", True),
        (None, False),
        ("/etc/grub.d/30_os-prober", False),
    ]


@pytest.mark.parametrize(
    ("written", "words", "style", "quotes"),
    [
        ('"root=a ro "', ["root=a", "ro"], "double", ""),
        ("'root=a  ro'", ["root=a", "ro"], "single", ""),
        (r'"a=\"b c\" \$d \\e \f"', ['a="b c"', "$d", r"\e", r"\f"], "double", ""),
        ('"a\\\n b"', ["a", "b"], "double", ""),
        ("quiet", ["quiet"], "double", '"'),
        ("", [], "double", '"'),
        ('""', [], "double", ""),
    ],
)
def test_kernelopts_and_tuned_params(written: str, words: list[str], style: str, quotes: str) -> None:
    for name in ("kernelopts", "tuned_params"):
        text = f'if [ -z "${{{name}}}" ]; then\n  set {name}={written}\nfi\n'
        (assignment,) = parse(text).assignments
        slot = assignment.slot
        assert assignment == Assignment(name, slot, extends=False)
        assert [word.text for word in slot.words] == words
        assert (slot.style, slot.before, slot.after, slot.line) == (style, quotes, quotes, 2)
        edited = text[: slot.start] + slot.before + "x=1" + slot.after + text[slot.end :]
        assert [word.text for word in parse(edited).assignments[0].slot.words] == ["x=1"]


def test_carriage_returns_are_no_part_of_a_word() -> None:
    text = FEDORA16.replace("\n", "\r\n")
    with_cr, without = parse(text), parse(FEDORA16)
    assert [w.text for s in laws.slots_of(with_cr) for w in s.words] == [
        w.text for s in laws.slots_of(without) for w in s.words
    ]
    assert [stanza.title for stanza in with_cr.stanzas] == [stanza.title for stanza in without.stanzas]
    assert with_cr.settings == without.settings
    assert words_of("linux /v a \\\r\n b 'c\r\nd' \"e \\\r\n f\"\r") == ["a", "b", "c\nd", '"e  f"']


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: "-".join(path.relative_to(TREES).parts[::3]))
def test_the_scripts_of_the_trees_are_read_where_they_are_grubs(script: Path) -> None:
    text = script.read_bytes().decode("latin-1")
    read = laws.read_or_refused(grub2.FORMAT, FILE, text) is not None
    assert read == script_check(text.replace("\r\n", "\n"))


FAULTS = {
    "nul-byte": ("not understood: '\\x00'", 3, 17),
    "carriage-return-in-line": ("not understood: '\\r'", 2, 17),
    "unclosed-quote": ("not understood: '\"'", 2, 18),
    "unclosed-apostrophe": ('not understood: "\'"', 1, 11),
    "dollar-without-name": ("not understood: '$'", 2, 16),
    "pipe": ("not understood: '|'", 2, 11),
    "empty-block": ("not understood: '}'", 1, 19),
    "block-not-closed": ("not understood: the end of the file", 4, 1),
    "block-closed-twice": ("not understood: '}'", 4, 1),
    "if-without-fi": ("not understood: '}'", 5, 1),
    "reserved-word": ("not understood: 'done'", 2, 3),
    "brace-on-next-line": ("not understood: '{'", 2, 1),
    "two-semicolons": ("not understood: '; initrd /i'", 2, 11),
    "continued-at-the-end": ("not understood: '\\\\'", 1, 11),
    "number-sign-begins-line": ("a line that begins with # inside a statement: GRUB ignores it", 3, 1),
    "kernelopts-quotes-change": ("the quotes in the value of kernelopts are not understood", 2, 7),
    "nested-too-deep": ("blocks nested more than 100 deep", 101, 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_refused_says_where(fault: str) -> None:
    text = (laws.INVALID / "grub2" / fault).read_bytes().decode("latin-1")
    assert refused(text) == FAULTS[fault]


def test_every_invalid_script_has_its_test() -> None:
    assert set(FAULTS) == {path.name for path in (laws.INVALID / "grub2").iterdir()}


def test_a_script_of_any_depth_or_size_ends() -> None:
    for text in ("if a; then " * 3_000, "a {\n" * 2_000 + "b\n" + "}\n" * 2_000, 'a "' + '\\"' * 100_000):
        refused(text)
    chain = "if a; then b" + "\nelif a; then b" * 1_000 + "\nfi\n"
    assert parse(chain) == Document(FILE, "grub2")


PIECES = (
    *(
        "menuentry 'a' {\n",
        "submenu b --id c {\n",
        "linux /v x=1",
        "linux /v",
        "initrd /i",
        "}\n",
        "\n",
        ";",
        " ",
        "\t",
    ),
    *(
        '"',
        "'",
        "\\",
        "\\\n",
        "$x",
        "${x}",
        "$",
        "#",
        "{",
        "}",
        "if a; then\n",
        "else\n",
        "fi\n",
        "set kernelopts=",
        '"a b"',
    ),
    *("function f {\n", "for x in a; do\n", "while a; do\n", "done\n", "[[", "|", "\r\n", "\r", "module2 --nounzip /m"),
)


@given(laws.texts(*PIECES))
def test_any_text_is_read_with_its_spans_or_refused_with_its_place(text: str) -> None:
    document = laws.read_or_refused(grub2.FORMAT, FILE, text)
    for slot in laws.slots_of(document) if document else ():
        if slot.variable not in ("kernelopts", "tuned_params"):
            for word in slot.words:
                raw = text[word.start : word.end]
                assert [each.text for each in grub_script.words(raw)[0]] == [raw]
        for one, other in pairwise(slot.words):
            assert not text[one.end : other.start].replace("\\\n", "").replace("\\\r\n", "").strip(cmdline.BLANKS)


@settings(max_examples=40)
@given(st.lists(laws.texts(*(piece.replace("\r", "") for piece in PIECES)), min_size=3, max_size=3))
def test_what_is_read_is_what_grub_takes(texts: list[str]) -> None:
    """The same language as GRUB's own lexer and parser, in both directions."""
    for text in texts:
        if (
            "\r" in text
            or "\0" in text
            or "\n#" in text
            or any(name in text for name in ("kernelopts", "tuned_params"))
        ):
            continue
        try:
            parse(text)
        except NotUnderstood:
            assert not script_check("true\n" + text)
        else:
            assert script_check("true\n" + text)


def the_slots(document: Document) -> tuple[Slot, ...]:
    return tuple(slot for stanza in document.stanzas for image in stanza.images for slot in image.slots)


SHAPES = (
    'menuentry a { linux /v ro  x="1 2" ; initrd /i }\n' + in_entry("true"),
    in_entry("\tlinux\t/v # none"),
    in_entry("linux /v \\\n a"),
    in_entry("if a; then linux /v b; fi"),
)


@settings(max_examples=60)
@given(st.lists(laws.arguments, min_size=8, max_size=8))
def test_what_quote_takes_is_read_back_and_never_becomes_code(arguments: list[str]) -> None:
    scripts = ""
    for argument in arguments:
        for text in SHAPES:
            before = parse(text)
            slot = the_slots(before)[0]
            try:
                written = grub2.FORMAT.quote(slot, argument)
            except CannotHold:
                break
            old = [text[word.start : word.end] for word in slot.words]
            kept = [word.text for word in slot.words]
            for new, expected in (([*old, written], [*kept, argument]), ([written, *old], [argument, *kept])):
                changed = laws.spliced(text, slot, new)
                after = parse(changed)
                texts = [word.text for word in the_slots(after)[0].words]
                assert list(map(cmdline.meaning, texts)) == list(map(cmdline.meaning, expected))
                assert cmdline.tokens(" ".join(texts)) == texts
                assert [(s.title, len(s.images), s.initrds) for s in after.stanzas] == [
                    (s.title, len(s.images), s.initrds) for s in before.stanzas
                ]
                scripts += changed
    assert script_check("true\n" + scripts)


@pytest.mark.parametrize(
    ("argument", "written"),
    [
        ("crashkernel=1G-4G:192M,4G-:256M@16M", "crashkernel=1G-4G:192M,4G-:256M@16M"),
        ("x=a;reboot", '"x=a;reboot"'),
        ("x=$(reboot)", r'"x=\$(reboot)"'),
        ("x=`reboot`", '"x=`reboot`"'),
        ("{", '"{"'),
        ("#x", '"#x"'),
        ("a=*", '"a=*"'),
        ('dyndbg="file a.c +p"', '"dyndbg=file a.c +p"'),
        ('"a b"', '"a b"'),
        ("if", "if"),
    ],
)
def test_an_argument_in_script(argument: str, written: str) -> None:
    slot = Slot(FILE, "grub2", "linux", 0, 0, 1, ())
    assert grub2.quote(slot, argument) == written
    (read,) = words_of(f"linux /v {written}")
    assert cmdline.meaning(read) == cmdline.meaning(argument)


@pytest.mark.parametrize(
    "argument",
    [
        "",
        'a"',
        "it's",
        r"a\b",
        'x="a"b"',
        'x=a" "b',
        "a\tb",
        '"a\tb"',
        "a\nb",
        '"a\n b"',
        "a\r",
        "a\0",
        "a b",
        "a\xa0b",
    ],
)
def test_what_grub_cannot_hand_over_is_refused(argument: str) -> None:
    with pytest.raises(CannotHold):
        grub2.quote(Slot(FILE, "grub2", "linux", 0, 0, 1, ()), argument)


@settings(max_examples=60)
@given(laws.arguments)
def test_what_kernelopts_takes_is_read_back(argument: str) -> None:
    for quotes in ('"', "'"):
        text = f"set kernelopts={quotes}ro x=1 {quotes}\n"
        slot = parse(text).assignments[0].slot
        try:
            written = grub2.FORMAT.quote(slot, argument)
        except CannotHold:
            continue
        after = parse(laws.spliced(text, slot, ["ro", written, "x=1"]))
        texts = [word.text for word in after.assignments[0].slot.words]
        assert list(map(cmdline.meaning, texts)) == [("ro", None), cmdline.meaning(argument), ("x", "1")]
        # blscfg pastes the value behind `linux PATH`: there it must still be one argument with that meaning.
        pasted = words_of("linux /v " + " ".join(texts))
        assert list(map(cmdline.meaning, pasted)) == list(map(cmdline.meaning, texts))


def test_find_takes_each_real_file_once() -> None:
    files = {
        "/boot/grub2/grub.cfg": b"a",
        "/boot/efi/EFI/fedora/grub.cfg": b"b",
        "/boot/efi/EFI/BOOT/BOOTX64.EFI": b"c",
        "/efi/EFI/debian/grub.cfg": b"d",
        "/etc/default/grub": b"e",
    }
    assert grub2.FORMAT.find(MemoryTree(files)) == (
        "/boot/grub2/grub.cfg",
        "/boot/efi/EFI/fedora/grub.cfg",
        "/efi/EFI/debian/grub.cfg",
    )


def test_find_follows_the_links_in_etc(tmp_path: Path) -> None:
    from grubkd.tree.root import Root

    for directory in ("etc", "boot/grub2", "boot/efi/EFI/redhat"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "boot/efi/EFI/redhat/grub.cfg").write_text("blscfg\n")
    (tmp_path / "etc/grub2.cfg").symlink_to("../boot/grub2/grub.cfg")
    (tmp_path / "etc/grub2-efi.cfg").symlink_to("/boot/efi/EFI/redhat/grub.cfg")
    assert grub2.FORMAT.find(Root(str(tmp_path))) == ("/boot/efi/EFI/redhat/grub.cfg",)
    shutil.copy(tmp_path / "boot/efi/EFI/redhat/grub.cfg", tmp_path / "boot/grub2/grub.cfg")
    assert grub2.FORMAT.find(Root(str(tmp_path))) == ("/boot/grub2/grub.cfg", "/boot/efi/EFI/redhat/grub.cfg")


def esp_tree(top: Path) -> Path:
    """A tree whose /boot/grub/grub.cfg is a link to the removable-media path of the EFI system partition."""
    entry = "menuentry 'Own' {\n\tlinux /vmlinuz-6.1.0-1-amd64 root=/dev/sda1 ro\n}\n"
    files = {"boot/efi/EFI/BOOT/grub.cfg": entry, "boot/efi/EFI/debian/grub.cfg": "set root=hd0\n"}
    for path, text in {**files, "etc/os-release": "ID=debian\n", "etc/default/grub": "GRUB_TIMEOUT=1\n"}.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
    (top / "boot/grub").mkdir()
    (top / "boot/grub/grub.cfg").symlink_to("../efi/EFI/BOOT/grub.cfg")
    return top


def test_a_menu_on_the_esp_that_the_own_path_leads_to_is_own(tmp_path: Path) -> None:
    config = inventory.read(Root(str(esp_tree(tmp_path))))
    assert [(each.title, each.foreign) for each in config.entries] == [("Own", False)]
    assert not [each for each in config.warnings if each.code == "dangling-menu"]


def test_a_menu_that_is_a_dangling_link_is_a_warning(tmp_path: Path) -> None:
    (esp_tree(tmp_path) / "boot/efi/EFI/BOOT/grub.cfg").unlink()
    config = inventory.read(Root(str(tmp_path)))
    [notice] = [each for each in config.warnings if each.code == "dangling-menu"]
    assert notice.place and notice.place.file == "/boot/grub/grub.cfg"
