import subprocess
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import laws
from support.strategies import MemoryTree

from grubkd.boot import cmdline
from grubkd.boot.document import Assignment, Document, Slot, Word
from grubkd.boot.loaders import default_grub, grub_script
from grubkd.boot.loaders.grub_mkconfig import line_of
from grubkd.boot.loaders.shell import NotFollowed, decode
from grubkd.errors import CannotHold, NotUnderstood, Place

FILE = "/etc/default/grub"
DROP_IN = "/etc/default/grub.d/kdump-tools.cfg"
LINUX = "GRUB_CMDLINE_LINUX"

DEBIAN = """# If you change this file, run 'update-grub' afterwards to update
# /boot/grub/grub.cfg.

GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX=""
#GRUB_BADRAM="0x01234567,0xfefefefe,0x89abcdef,0xefefefef"
#GRUB_DISABLE_RECOVERY="true"
"""


def parse(text: str, file: str = FILE) -> Document:
    return default_grub.FORMAT.parse(file, text)


def refused(text: str, file: str = FILE) -> tuple[str, int, int]:
    with pytest.raises(NotUnderstood) as raised:
        parse(text, file)
    place = raised.value.place
    assert place is not None
    assert place.file == file
    return raised.value.message, place.line, place.column


def not_followed(text: str, file: str = FILE) -> tuple[str, int, int]:
    (found,) = [each for each in parse(text, file).warnings if each.code == "source-not-followed"]
    assert found.place is not None
    assert found.place.file == file
    return found.message, found.place.line, found.place.column


def read_by_shell(text: str, variables: tuple[str, ...] = (LINUX,)) -> list[str]:
    """The values that a real shell assigns: bash, as in Fedora's grub-mkconfig, because dash has no `+=`."""
    script = ". /dev/stdin; " + "".join(f'printf "%s\\0" "${name}"; ' for name in variables)
    done = subprocess.run(
        ["/bin/bash", "-c", script],
        input=text.encode("latin-1"),
        capture_output=True,
        check=True,
        timeout=30,
        env={"PATH": "/nonexistent", "HOME": "/root"},
    )
    return done.stdout.decode("latin-1").split("\0")[:-1]


def pasted(value: str) -> list[str]:
    """The arguments that the kernel receives of a value that grub-mkconfig pastes into a script."""
    script = f'linux /v {value} then "\n"\n'
    done = subprocess.run(["grub-script-check"], input=script.encode("latin-1"), capture_output=True, check=False)
    assert done.returncode == 0, script
    found = [word.text for word in grub_script.words(value)[0]]
    return [
        text
        for text in (raw if grub_script.reference(raw) else grub_script.received(raw, frozenset()) for raw in found)
        if text
    ]


def test_the_file_of_debian() -> None:
    default = DEBIAN.index('"quiet"') + 1
    plain = DEBIAN.index('LINUX=""') + len('LINUX="')
    words = (Word(default, default + 5, "quiet"),)
    quiet = Slot(FILE, "default-grub", f"{LINUX}_DEFAULT", default, default + 5, 7, words, style="double")
    empty = Slot(FILE, "default-grub", LINUX, plain, plain, 8, (), style="double")
    assert parse(DEBIAN) == Document(
        FILE,
        "default-grub",
        assignments=(
            Assignment(f"{LINUX}_DEFAULT", quiet, extends=False),
            Assignment(LINUX, empty, extends=False),
        ),
    )


# value as written (V is the variable), words, style, before and after, extends
VALUES = [
    ('"quiet splash"', ["quiet", "splash"], "double", "", False),
    ("quiet", ["quiet"], "double", '"', False),
    ("", [], "double", '"', False),
    ("''", [], "single", "", False),
    ('" "', [], "double", "", False),
    ("'a \"x=b c\"'", ["a", '"x=b c"'], "single", "", False),
    (r'"dyndbg=\"file a.c +p\" x"', ['"dyndbg=file a.c +p"', "x"], "double", "", False),
    (r'"dyndbg=\"file a.c +p\""', ['"dyndbg=file a.c +p"'], "double", "", False),
    ('"acpi_osi="Linux" quiet"', ["acpi_osi=Linux", "quiet"], "double", "", False),
    ('"a "b=\'c\'" d"', ["a", "b=c", "d"], "double", "", False),
    ('" a\t b "', ["a", "b"], "double", "", False),
    ('"a \\\n\tb"', ["a", "b"], "double", "", False),
    (r'"a\$b \\\$c \`d"', ["a$b", "$c", "`d"], "double", "", False),
    (r'"\$vt_handoff"', ["$vt_handoff"], "double", "", False),
    (r"'a=\$b'", ["a=$b"], "single", "", False),
    ('"$V more"', ["$V", "more"], "double", "", True),
    ('"${V} more"', ["${V}", "more"], "double", "", True),
    ('"more ${V}"', ["more", "${V}"], "double", "", True),
    ('$V" more"', ["$V", "more"], "double", "", True),
    ("\"$V\"' more'", ["$V", "more"], "single", "", True),
    ("$V", ["$V"], "double", '"', True),
    (r'"${V:+$V }\$tuned_params"', ["${V:+$V }", "$tuned_params"], "double", "", True),
    ("a=~b:c", ["a=~b:c"], "double", '"', False),
]


@pytest.mark.parametrize(("value", "words", "style", "quotes", "extends"), VALUES)
def test_values_in_every_quoting(value: str, words: list[str], style: str, quotes: str, *, extends: bool) -> None:
    text = f"# first\n{LINUX}={value}\t# a comment\nGRUB_TIMEOUT=5\n".replace("V", LINUX)
    words = [word.replace("V", LINUX) for word in words]
    assignment = parse(text).assignments[-1]
    slot = assignment.slot
    assert assignment == Assignment(LINUX, slot, extends)
    assert [word.text for word in slot.words] == words
    assert [word.reference for word in slot.words if word.text.startswith(("$" + LINUX, "${" + LINUX))] == [
        LINUX
    ] * extends
    assert (slot.style, slot.before, slot.after) == (style, quotes, quotes)
    own = [word for word in words if LINUX not in word]
    assert pasted(read_by_shell(text)[0]) == own
    # A word more at either end, and nothing but a word more: the slot's quotes hold it.
    old = [text[word.start : word.end] for word in slot.words]
    for written in ([*old, "x=1"], *([] if extends else [["x=1"], ["x=1", *old]])):
        changed = laws.spliced(text, slot, written)
        assert "x=1" in [word.text for word in parse(changed).assignments[-1].slot.words]
        assert "x=1" in pasted(read_by_shell(changed)[0])


# Values with a ~ or a line continuation, and whether grubkd follows them.
EXPANSIONS = {
    **dict.fromkeys(("~", "~/a", "~root", "~:a", "a:~", "a=b:~root", ":~:~", '"a":~', "\\\n~", "\\\n\\\n~root"), False),
    **dict.fromkeys(("~\\\nroot", "a:\\\n~", "a\\\n:~", "a\\\n:\\\n~root", "\\\\:~", "':':~"), False),
    **dict.fromkeys(("$\\\nHOME", '"$\\\nHOME"', "$\\\n{HOME}", '"a $\\\n(echo b)"', "`\\\necho b`"), False),
    **dict.fromkeys(("a=~", "a~", "a=\\\n~", "\\~", ":\\~", "a\\:~", '"a:~"', '"a":"~"', "'~'"), True),
    **dict.fromkeys(('""~', "\\\n\\~"), True),
}


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_what_the_shell_expands_is_not_followed(shell: str) -> None:
    script = "".join(f"V={value}\nprintf '%s\\0' \"$V\"\n" for value in EXPANSIONS)
    done = subprocess.run([shell], input=script, capture_output=True, text=True, check=True, env={"HOME": "/hh"})
    for (value, followed), made in zip(EXPANSIONS.items(), done.stdout.split("\0"), strict=False):
        text = f"{LINUX}={value}\n"
        if followed:
            decoded = decode(FILE, text, len(LINUX) + 1, len(text) - 1, LINUX).mapped.text
            assert decoded == made, value
        else:
            with pytest.raises(NotFollowed):
                decode(FILE, text, len(LINUX) + 1, len(text) - 1, LINUX)
            assert made != value.replace("\\\n", ""), value


def test_assignments_of_one_line_and_export_and_the_whole_family() -> None:
    text = "".join(f"export GRUB_A=1 {name}='{index}'; B=`c`\n" for index, name in enumerate(default_grub.FAMILY))
    document = parse(text)
    assert [(each.variable, each.slot.words[0].text, each.slot.line) for each in document.assignments] == [
        (name, str(index), index + 1) for index, name in enumerate(default_grub.FAMILY)
    ]
    assert read_by_shell(text.replace("`c`", "c"), default_grub.FAMILY) == [
        str(n) for n in range(len(default_grub.FAMILY))
    ]


def test_what_is_opaque_is_passed_over() -> None:
    text = (
        "GRUB_DISTRIBUTOR=\"$(sed 's, release .*$,,g' /etc/system-release)\"\n"
        "GRUB_DISTRIBUTOR=`( . /etc/os-release; echo ${NAME:-Ubuntu} ) 2>/dev/null || echo Ubuntu`\n"
        'if [ -f /x ] && ! [ "$GRUB_CMDLINE_LINUX" = x ]; then GRUB_A=1; elif a; then b; else c; fi >/c 2>&1\n'
        'for i in a "b c" $d; do e; done; while f; do g; done < /h\n'
        'case "$1" in a|"b c") d;; (*) e ;; esac\nf() {\n g # h\'i\n}\n( j; k ) & { l; }\n'
        "echo a#b \\\n c ${d%x} $((1+2)) | m > /n || o\nexport GRUB_CMDLINE_LINUX GRUB_A\n"
        'export GRUB_A=1 GRUB_B\nGRUB_A="GRUB_CMDLINE_LINUX=x" 2>/dev/null p >q <r\ncase s in\n  # t\n  u) v\nesac\n'
        f"#{LINUX}=x\n : # {LINUX}=y\n{LINUX}=z"
    )
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
    document = parse(text)
    assert [(each.variable, [word.text for word in each.slot.words]) for each in document.assignments] == [
        (LINUX, ["z"])
    ]
    assert document.warnings == ()


def test_a_sourced_file_is_reported() -> None:
    (notice,) = parse(f"{LINUX}=a\n[ -e /x ] && . /x\n").warnings
    assert (notice.code, notice.place) == ("sources-another-file", Place(FILE, 2, 14))


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", f'{LINUX}="x=1"\n'),
        ("GRUB_TIMEOUT=5\n", f'GRUB_TIMEOUT=5\n{LINUX}="x=1"\n'),
        ("GRUB_TIMEOUT=5 # no line end", f'GRUB_TIMEOUT=5 # no line end\n{LINUX}="x=1"\n'),
        ("GRUB_TIMEOUT=5\r\nA=b", f'GRUB_TIMEOUT=5\r\nA=b\r\n{LINUX}="x=1"\r\n'),
        (f'A=b\n{LINUX}+=" a"\n', f'A=b\n{LINUX}="x=1 "\n{LINUX}+=" a"\n'),
        (f'{LINUX}+="a"\n', f'{LINUX}="x=1 "\n{LINUX}+="a"\n'),
        (f'A="\nb"; export {LINUX}="${LINUX} a"\n', f'A="\nb"; {LINUX}="x=1 "\nexport {LINUX}="${LINUX} a"\n'),
    ],
)
def test_a_plain_assignment_that_is_missing_has_a_place(text: str, changed: str) -> None:
    absent = next(each for each in parse(text).assignments if LINUX in each.slot.before)
    slot = absent.slot
    assert (absent.variable, absent.extends, slot.words, slot.start) == (LINUX, False, (), slot.end)
    assert laws.spliced(text, slot, ["x=1"]) == changed
    again = parse(changed)
    assert [word.text for word in again.assignments[0].slot.words] == ["x=1"]
    assert not any(LINUX in each.slot.before for each in again.assignments)
    assert pasted(read_by_shell(changed.replace("\r", ""))[0])[0] == "x=1"


def test_a_drop_in_needs_none() -> None:
    assert parse("GRUB_TIMEOUT=5\n", DROP_IN).assignments == ()
    assert not_followed(f'{LINUX}+="a"\n', DROP_IN)[1:] == (1, 1)


def test_what_may_be_added_without_a_blank() -> None:
    assert len(parse(f'{LINUX}=""\n{LINUX}+="a "\n{LINUX}+=b\n').assignments) == 3
    assert not_followed(f'{LINUX}=""\n{LINUX}+="a "\n{LINUX}+=b\n{LINUX}+=c\n')[1:] == (4, 1)


def test_carriage_returns_stay_outside() -> None:
    with_cr, without = parse(DEBIAN.replace("\n", "\r\n")), parse(DEBIAN)
    assert [(a.variable, [w.text for w in a.slot.words]) for a in with_cr.assignments] == [
        (a.variable, [w.text for w in a.slot.words]) for a in without.assignments
    ]
    assert [w.text for w in parse(f'{LINUX}="a \\\r\n b"\r\n').assignments[0].slot.words] == ["a", "b"]


EXECUTED = "grubkd executes nothing"
SOMETIMES = f"{LINUX} is set only sometimes, or only for a command"
MAY_SET = "this may set a variable that feeds the kernel command line"
PASTED = "GRUB, into whose script the value is pasted, would not take {} as part of an argument"
CHANGE = f"the quotes in the value of {LINUX} change between arguments"
# What else decides a value: grubkd writes behind it.
NOT_FOLLOWED = {
    "substitution": (f"the value of {LINUX} contains a command: {EXECUTED}", 2, 25),
    "backticks": (f"the value of {LINUX} contains a command: {EXECUTED}", 1, 27),
    "other-variable": (f"the value of {LINUX} contains another variable: {EXECUTED}", 2, 21),
    "positional": (f"the value of {LINUX} contains another variable: {EXECUTED}", 1, 21),
    "default-value": (f"the value of {LINUX} contains another variable: {EXECUTED}", 1, 21),
    "in-if": (SOMETIMES, 2, 2),
    "in-for": (SOMETIMES, 2, 2),
    "in-while": (SOMETIMES, 1, 16),
    "in-case": (SOMETIMES, 2, 4),
    "in-function": (SOMETIMES, 2, 2),
    "in-braces": (SOMETIMES, 1, 3),
    "in-parentheses": (SOMETIMES, 1, 3),
    "behind-and": (SOMETIMES, 1, 14),
    "before-or": (SOMETIMES, 1, 1),
    "in-pipe": (SOMETIMES, 1, 1),
    "in-background": (SOMETIMES, 1, 1),
    "for-a-command": (SOMETIMES, 1, 1),
    "eval": (MAY_SET, 1, 1),
    "unset": (MAY_SET, 2, 1),
    "declare": (MAY_SET, 1, 1),
    "loop-variable": (MAY_SET, 1, 1),
    "assigned-by-default": (MAY_SET, 1, 1),
    "glued-by-plus": ("+= without a blank at the start of the value joins two arguments", 2, 1),
    "glued-variable": (f"a part of an argument is the earlier value of {LINUX}", 1, 21),
    "twice-itself": ("+= with the variable in its own value adds the earlier value twice", 1, 1),
    "split-by-export": ("after export the shell splits an unquoted variable", 1, 8),
    "quotes-change": (CHANGE, 1, 20),
    "blank-escaped": (CHANGE, 1, 23),
    "quotes-around-part": (CHANGE, 1, 20),
    "tilde": ("the shell replaces an unquoted ~ by a directory", 1, 20),
    "array": (f"the value of {LINUX} is an array", 1, 20),
}
FAULTS = {
    "exit": ("what follows is never read", 1, 1),
    "semicolon": (PASTED.format("';'"), 1, 24),
    "brace": (PASTED.format("'{'"), 1, 23),
    "number-sign": (PASTED.format("'#'"), 1, 27),
    "line-end": (PASTED.format("the line end"), 1, 26),
    "grub-quote-not-closed": (PASTED.format("'\"'"), 1, 42),
    "backslash-at-the-end": (PASTED.format("'\\\\'"), 1, 26),
    "number-sign-begins-line": (PASTED.format("'#'"), 2, 1),
    "quote-not-closed": ("not understood: '\"'", 3, 20),
    "here-document": ("not understood: '<'", 1, 6),
    "nul-byte": ("not understood: '\"'", 1, 20),
    "if-not-closed": ("not understood: the end of the file", 3, 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_refused_says_where(fault: str) -> None:
    text = (laws.INVALID / "default-grub" / fault).read_bytes().decode("latin-1")
    assert refused(text) == FAULTS[fault]


@pytest.mark.parametrize("name", NOT_FOLLOWED)
def test_what_is_not_followed_says_where_and_is_refused_only_with_a_crashkernel(name: str) -> None:
    text = (laws.INVALID / "default-grub" / name).read_bytes().decode("latin-1")
    assert not_followed(text) == NOT_FOLLOWED[name]
    # The value of the last two is an earlier assignment, which grubkd reads and edits.
    if "quiet" in text and name not in ("unset", "glued-by-plus"):
        assert refused(text.replace("quiet", "crashkernel=64M"))[0] == NOT_FOLLOWED[name][0]


def test_the_name_of_a_command_may_follow_assignments_and_redirections() -> None:
    assert not_followed(f"A=b 2>/dev/null unset {LINUX}\n") == (MAY_SET, 1, 1)
    assert refused("A=b >c exit\n") == ("what follows is never read", 1, 8)


def test_every_invalid_file_has_its_test() -> None:
    assert {*FAULTS, *NOT_FOLLOWED} == {path.name for path in (laws.INVALID / "default-grub").iterdir()}


PIECES = (
    *(
        f"{LINUX}=",
        f"{LINUX}+=",
        f"${LINUX}",
        f"${{{LINUX}}}",
        "export ",
        '"',
        '"',
        "'",
        " ",
        "\t",
        "\\",
        '\\"',
        "\n",
        "\r\n",
    ),
    *(
        "$",
        "`a`",
        "$(b)",
        "$x",
        "quiet",
        "a=b c",
        "#",
        ";",
        "&&",
        "|",
        "{ ",
        "}\n",
        "if a; then\n",
        "fi\n",
        "~",
        "(",
        ")",
    ),
    *("case a in\n", "b) ", ";;\n", "esac\n", "f() ", "\\\n", "GRUB_DEFAULT=0\n", "\r", "<", ">/dev/null", "!"),
)


@given(laws.texts(*PIECES))
def test_any_text_is_read_with_its_spans_or_refused_with_its_place(text: str) -> None:
    document = laws.read_or_refused(default_grub.FORMAT, FILE, text)
    for slot in laws.slots_of(document) if document else ():
        for one, other in pairwise(slot.words):
            assert not text[one.end : other.start].replace("\\\n", "").replace("\\\r\n", "").strip(" \t\r\n")


_PIECES = (
    *(
        "a",
        "b=c",
        '"',
        "'",
        " ",
        " ",
        "\\",
        '\\"',
        "\\'",
        "$V",
        "${V}",
        "${V:+$V }",
        "\\$x",
        "$",
        "`",
        "~",
        ":~",
        "~root",
        "\\\n~",
        ":\\\n~",
        "$\\\n",
        "#",
        "x",
    ),
    *("*", "\\\n", "\t", "=", "a.c +p", "\\\\", "{", "!", ";", "\\;", '\\"a b\\"'),
)


@settings(max_examples=150)
@given(
    st.sampled_from(["", f'{LINUX}="one two"\n', f"{LINUX}='one '\n"]),
    st.sampled_from(["", "export "]),
    st.sampled_from(["=", "=", "+="]),
    st.sampled_from(['"%s"', "'%s'", "%s"]),
    st.lists(st.sampled_from(_PIECES), max_size=9).map("".join),
)
def test_a_value_that_is_read_is_what_shell_and_grub_make_of_it(
    before: str, export: str, sets: str, quotes: str, value: str
) -> None:
    text = f"{before}{export}{LINUX}{sets}{quotes.replace('%s', value.replace('V', LINUX))}\n"
    try:
        document = parse(text)
    except NotUnderstood:
        return
    if any(each.code == "source-not-followed" for each in document.warnings):
        return
    line = line_of([document], [LINUX])
    assert line is not None
    assert [piece.word.text for piece in line.pieces()] == pasted(read_by_shell(text)[0])


def pick(variable: str) -> Callable[[Document], Slot]:
    return lambda document: next(each.slot for each in document.assignments if each.variable == variable)


SHAPES = ('="a  b=c"\n', "='a'\n", "=a\n", "=\n", "=''\n", '="a "b" c"\n', '="a \\\n b"\n')


@settings(max_examples=30)
@given(st.lists(laws.arguments, min_size=len(SHAPES), max_size=len(SHAPES)))
def test_what_quote_takes_comes_through_shell_and_grub(arguments: list[str]) -> None:
    names = default_grub.FAMILY
    text = "".join(name + shape for name, shape in zip(names, SHAPES, strict=True))
    expected = {name: [word.text for word in pick(name)(parse(text)).words] for name in names}
    for name, argument in zip(names, arguments, strict=True):
        slot = pick(name)(parse(text))
        try:
            written = default_grub.FORMAT.quote(slot, argument)
        except CannotHold:
            continue
        text = laws.spliced(text, slot, [*(text[word.start : word.end] for word in slot.words), written])
        expected[name].append(argument)
    document = parse(text)
    for name, value in zip(names, read_by_shell(text, names), strict=True):
        meanings = list(map(cmdline.meaning, expected[name]))
        texts = [word.text for word in pick(name)(document).words]
        assert list(map(cmdline.meaning, texts)) == meanings
        assert list(map(cmdline.meaning, pasted(value))) == meanings
        assert cmdline.tokens(" ".join(texts)) == texts


@pytest.mark.parametrize(
    ("argument", "double", "single"),
    [
        ("crashkernel=1G-4G:192M,4G-:256M", "crashkernel=1G-4G:192M,4G-:256M", "crashkernel=1G-4G:192M,4G-:256M"),
        ("x=a;reboot", r"\"x=a;reboot\"", '"x=a;reboot"'),
        ("x=$(reboot)", r"\"x=\\\$(reboot)\"", r'"x=\$(reboot)"'),
        ("x=`reboot`", r"\"x=\`reboot\`\"", '"x=`reboot`"'),
        ("a=*", r"\"a=*\"", '"a=*"'),
        ('dyndbg="file a.c +p"', r"\"dyndbg=file a.c +p\"", '"dyndbg=file a.c +p"'),
    ],
)
def test_an_argument_between_the_shells_quotes(argument: str, double: str, single: str) -> None:
    for quotes, written in (('"', double), ("'", single)):
        slot = parse(f"{LINUX}={quotes}a{quotes}\n").assignments[0].slot
        assert default_grub.FORMAT.quote(slot, argument) == written


@pytest.mark.parametrize("argument", ["it's", 'a"', "a\\b", "a b", "a\nb", ""])
def test_what_neither_can_hold_is_refused(argument: str) -> None:
    for text in (f'{LINUX}="a"\n', f"{LINUX}='a'\n", f"{LINUX}=a\n", ""):
        with pytest.raises(CannotHold):
            default_grub.FORMAT.quote(parse(text).assignments[0].slot, argument)


SOURCES = {
    FILE: b"",
    "/etc/default/grub.d/b.cfg": b"",
    "/etc/default/grub.d/a.cfg": b"",
    "/etc/default/grub.d/.c.cfg": b"",
    "/etc/default/grub.d/d.cfg.dpkg-old": b"",
}
DROP_INS = ("/etc/default/grub.d/a.cfg", "/etc/default/grub.d/b.cfg")


@pytest.mark.parametrize(
    ("path", "content", "found"),
    [
        ("/usr/sbin/grub-mkconfig", "for x in ${sysconfdir}/default/grub.d/*.cfg ; do", (FILE, *DROP_INS)),
        ("/usr/sbin/grub2-mkconfig", ". ${sysconfdir}/default/grub", (FILE,)),
        ("/etc/os-release", "ID=ubuntu\nID_LIKE=debian\n", (FILE, *DROP_INS)),
        ("/etc/os-release", 'ID="debian"\n', (FILE, *DROP_INS)),
        ("/etc/os-release", "ID=fedora\n", (FILE,)),
        ("/etc/fstab", "", (FILE,)),
    ],
)
def test_find_takes_drop_ins_where_the_generator_does(path: str, content: str, found: tuple[str, ...]) -> None:
    assert default_grub.FORMAT.find(MemoryTree({**SOURCES, path: content.encode()})) == found
