"""The rows of `show --json`, written as text, are what Python's own encoder makes of them, whatever bytes they hold."""

import json

from hypothesis import given
from hypothesis import strategies as st

from grubkd import render, render_show
from grubkd.boot.model import Boot, Entry, Line, Role, Slot, Word
from grubkd.errors import Notice, Place
from grubkd.text import to_display

TEXTS = st.text(st.characters(max_codepoint=255), max_size=8) | st.sampled_from(['"', "\\", "\n", "\xc3\xa9", "\0"])
WORDS = st.lists(TEXTS | st.sampled_from(["crashkernel=auto", "initrd=x", "BOOT_IMAGE=y", "ro"]), max_size=4)


@given(
    st.sampled_from(["kernel-missing", "x"]),
    TEXTS,
    TEXTS,
    st.none() | st.builds(Place, TEXTS, st.integers(0, 9), st.integers(0, 9)),
)
def test_a_notice(code: str, message: str, hint: str, place: Place | None) -> None:
    found = Notice(code, message, hint, place)
    assert render_show._Rows().notice(found) == json.dumps(render.notice(found))


def line(words: list[str]) -> Line:
    slot = Slot("/f", "bls", "options", 0, 0, 1, tuple(Word(0, 0, word) for word in words))
    return Line((slot,), slot)


def boot(role: Role, path: str, words: list[str]) -> Boot:
    return Boot(role, path, line(words), line(words).arguments())


def shown(words: list[str]) -> list[str]:
    return [to_display(each) for each in words if each and each.strip('"').split("=")[0] not in ADDED]


ADDED = ("initrd", "BOOT_IMAGE")


@given(st.data())
def test_an_entry(data: st.DataObject) -> None:
    xen, linux = data.draw(WORDS), data.draw(WORDS)
    title, path, initrd, file = (data.draw(TEXTS) for _ in range(4))
    name, version = (data.draw(st.none() | TEXTS) for _ in range(2))
    flags = [data.draw(st.booleans()) for _ in range(4)]
    boots = (boot(Role.HYPERVISOR, path, xen), boot(Role.MODULE, "/v", linux))[: data.draw(st.integers(0, 2))]
    entry = Entry(
        7,
        title,
        name,
        version,
        boots,
        (initrd, "/i"),
        default=flags[0],
        rescue=flags[1],
        linux=flags[2],
        foreign=flags[3],
        generated=False,
        format="bls",
        source=Place(file, 3),
    )
    words = shown(xen) if boots else []
    held = [word.partition("=")[2] for word in words if word.startswith(("crashkernel=", '"crashkernel='))]
    person = to_display
    expected = {
        "index": 7,
        "id": None if name is None else person(name),
        "title": person(title),
        "kernel": person(path) if boots else None,
        "version": None if version is None else person(version),
        "initrd": [person(initrd), "/i"],
        "cmdline": " ".join(words),
        "args": words,
        "crashkernel": held,
        "modules": [{"path": "/v", "args": shown(linux)}][: max(0, len(boots) - 1)],
        "default": flags[0],
        "rescue": flags[1],
        "linux": flags[2],
        "foreign": flags[3],
        "source": {"file": person(file), "line": 3},
    }
    rows = render_show._Rows()
    assert [rows.entry(entry), rows.entry(entry)] == [json.dumps(expected)] * 2
