"""Wishes fulfilled in slots: the law of set over joined slots, by example and by hypothesis."""

from hypothesis import given
from hypothesis import strategies as st

from grubkd.boot import cmdline
from grubkd.boot.document import Slot, Word
from grubkd.boot.model import Line
from grubkd.change.draft import Draft
from grubkd.change.request import ArgChange, Verb, reservation


def slot(name: str, *words: str, start: int = 0) -> Slot:
    """A slot with these words; `$x` is a reference to x."""
    spans = [
        Word(start + at, start + at + 1, word, word[1:] if word[:1] == "$" else None) for at, word in enumerate(words)
    ]
    return Slot(f"/{name}", "bls", name, start, start + len(words), 1, tuple(spans))


def line(*slots: Slot, home: Slot | None = None, **references: Slot) -> Line:
    found = {
        (each.key, word.reference): (references[word.reference],)
        for each in slots
        for word in each.words
        if word.reference in references
    }
    return Line(slots, home or slots[-1], found)


def fulfilled(
    given_line: Line, *wishes: ArgChange, closed: tuple[Slot, ...] = ()
) -> tuple[list[str], dict[str, list[str]]]:
    """The effective arguments afterwards, and the words of each edited slot by the slot's name."""
    draft = Draft(each.key for each in closed)
    for wish in wishes:
        draft.change(given_line, wish)
    edits = {edited.variable: [word.text for word in words] for edited, words in draft.edits()}
    return draft.texts(given_line), edits


def hold(name: str, *tokens: str) -> ArgChange:
    return ArgChange(Verb.SET, name, tokens)


def test_all_values_are_one_and_replaced_at_the_first() -> None:
    own = slot("options", "ro", "crashkernel=256M,high", "quiet", "crashkernel=72M,low", "rhgb")
    assert fulfilled(line(own), reservation(("512M",)))[0] == ["ro", "crashkernel=512M", "quiet", "rhgb"]


def test_a_new_value_is_appended_before_the_double_dash() -> None:
    own = slot("options", "ro", "--", "single")
    assert fulfilled(line(own), reservation(("512M",)))[0] == ["ro", "crashkernel=512M", "--", "single"]


def test_a_value_behind_the_double_dash_is_removed() -> None:
    own = slot("options", "ro", "--", "single", "crashkernel=1M")
    assert fulfilled(line(own), reservation(("512M",)))[0] == ["ro", "crashkernel=512M", "--", "single"]


def test_other_arguments_behind_the_double_dash_are_not_ours() -> None:
    own = slot("options", "console=tty0", "--", "console=tty1")
    assert fulfilled(line(own), hold("console", "console=tty2"))[0] == ["console=tty2", "--", "console=tty1"]
    assert fulfilled(line(own), ArgChange(Verb.REMOVE, "console"))[0] == ["--", "console=tty1"]


def test_the_last_slot_that_holds_it_keeps_it() -> None:
    first, second = slot("GRUB_CMDLINE_LINUX", "a", "crashkernel=1M"), slot("DEFAULT", "crashkernel=2M", "quiet")
    texts, edits = fulfilled(line(first, second, home=first), reservation(("512M",)))
    assert texts == ["a", "crashkernel=512M", "quiet"]
    assert edits == {"GRUB_CMDLINE_LINUX": ["a"], "DEFAULT": ["crashkernel=512M", "quiet"]}


def test_a_shared_slot_is_edited_once_for_all_its_lines() -> None:
    env = slot("kernelopts", "ro", "quiet")
    lines = [line(slot("options", "$kernelopts", start=at), home=env, kernelopts=env) for at in (10, 20)]
    draft = Draft()
    for each in lines:
        draft.change(each, reservation(("512M",)))
    assert [edited.variable for edited, _ in draft.edits()] == ["kernelopts"]
    assert [draft.texts(each) for each in lines] == [["ro", "quiet", "crashkernel=512M"]] * 2


def test_a_closed_slot_is_expanded_in_the_line_that_is_edited() -> None:
    env = slot("kernelopts", "ro", "crashkernel=1M", "quiet")
    own = slot("options", "$kernelopts", "debug", start=10)
    texts, edits = fulfilled(line(own, home=env, kernelopts=env), reservation(("512M",)), closed=(env,))
    assert texts == ["ro", "crashkernel=512M", "quiet", "debug"]
    assert edits == {"options": ["ro", "crashkernel=512M", "quiet", "debug"]}


def test_a_closed_slot_that_is_not_in_the_way_stays_a_reference() -> None:
    env = slot("kernelopts", "ro", "quiet")
    own = slot("options", "$kernelopts", start=10)
    texts, edits = fulfilled(line(own, home=env, kernelopts=env), reservation(("512M",)), closed=(env,))
    assert texts == ["ro", "quiet", "crashkernel=512M"]
    assert edits == {"options": ["$kernelopts", "crashkernel=512M"]}


def test_several_values_of_one_name_are_held_together() -> None:
    own = slot("options", "console=tty0", "ro", "console=ttyS0")
    wish = hold("console", "console=ttyS0", "console=ttyS1")
    assert fulfilled(line(own), wish)[0] == ["console=ttyS0", "console=ttyS1", "ro"]


def test_a_name_is_no_pattern() -> None:
    own = slot("options", "a.b=1", "aXb=1", "a.b=2")
    assert fulfilled(line(own), ArgChange(Verb.REMOVE, "a.b"))[0] == ["aXb=1"]
    assert fulfilled(line(own), ArgChange(Verb.REMOVE, "a.b", ("a.b=2",)))[0] == ["a.b=1", "aXb=1"]


def test_an_argument_is_added_once() -> None:
    own = slot("options", "console=tty0")
    wish = ArgChange(Verb.ADD, "console", ("console=ttyS0",))
    assert fulfilled(line(own), wish, wish)[0] == ["console=tty0", "console=ttyS0"]


def test_the_place_of_enclosing_quotes_makes_no_difference() -> None:
    own = slot("linux", '"dyndbg=file a.c +p"')
    assert fulfilled(line(own), hold("dyndbg", 'dyndbg="file a.c +p"'))[1] == {}


ARGUMENTS = st.sampled_from(
    [
        "ro",
        "quiet",
        "console=tty0",
        "console=ttyS0",
        "crashkernel=1M",
        "crashkernel=2M,high",
        "a,b=1",
        "ip=a::b",
        "--",
        'x="y z"',
    ]
)
WISHES = st.one_of(
    st.lists(st.sampled_from(["64M", "1G,high", "72M,low"]), max_size=2, unique=True).map(
        lambda values: reservation(tuple(values))
    ),
    st.lists(st.sampled_from(["console=tty0", "console=tty9"]), max_size=2, unique=True).map(
        lambda tokens: hold("console", *tokens)
    ),
    st.sampled_from([ArgChange(Verb.ADD, "console", ("console=tty9",)), ArgChange(Verb.REMOVE, "quiet")]),
)


@st.composite
def joined_lines(draw: st.DrawFn) -> tuple[Line, tuple[Slot, ...]]:
    """A line of one or two slots, perhaps with a reference, and the slots that are closed."""
    env = slot("env", *draw(st.lists(ARGUMENTS, max_size=4)))
    own = []
    for at in range(draw(st.integers(1, 2))):
        words = draw(st.lists(ARGUMENTS, max_size=4))
        if at == 0 and draw(st.booleans()):
            words.insert(draw(st.integers(0, len(words))), "$env")
        own.append(slot(f"own{at}", *words, start=10 * at))
    refers = any(word.reference for word in own[0].words)
    home = env if refers and draw(st.booleans()) else draw(st.sampled_from(own))
    return line(*own, home=home, **({"env": env} if refers else {})), (env,) if draw(st.booleans()) else ()


def split_at_end(texts: list[str]) -> tuple[list[str], list[str]]:
    end = texts.index("--") if "--" in texts else len(texts)
    return texts[:end], texts[end:]


@given(joined_lines(), WISHES)
def test_law_of_set(joined: tuple[Line, tuple[Slot, ...]], wish: ArgChange) -> None:
    """Exactly the wanted values, once; every other argument stays, in its order; a second time nothing changes."""
    given_line, closed = joined
    before = [piece.word.text for piece in given_line.pieces()]
    draft = Draft(each.key for each in closed)
    draft.change(given_line, wish)
    after = draft.texts(given_line)
    read, init = split_at_end(after)
    mine = [text for text in read if wish.matches(text)]
    if wish.verb is Verb.ADD:
        assert mine
    else:
        assert mine == list(wish.tokens if wish.verb is Verb.SET else ())
    if wish.reserves:
        assert not any(cmdline.is_crashkernel(text) for text in init)
    assert [t for t in after if not wish.matches(t)] == [t for t in before if not wish.matches(t)]
    assert not any(edited.key in draft._closed for edited, _ in draft.edits())
    edits = draft.edits()
    draft.change(given_line, wish)
    assert draft.edits() == edits
