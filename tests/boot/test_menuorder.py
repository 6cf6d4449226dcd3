"""The orders of BLS entries, with the file names of real machines."""

import itertools
import random
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.boot.document import Stanza
from grubkd.boot.menuorder import Counted, counted, grub_order, rpm_key, systemd_boot_order, version_compare


def stanza(name: str, **keys: str) -> Stanza:
    return Stanza(title=name, line=1, images=(), id=name, keys={key.replace("_", "-"): keys[key] for key in keys})


def grub(*names: str) -> list[str]:
    """The order that GRUB shows, whatever the order of the directory."""
    stanzas = [stanza(name) for name in names]
    shuffled = random.Random(1).sample(stanzas, len(stanzas))
    found = [each.id or "" for each in grub_order(shuffled)]
    assert found == [each.id for each in grub_order(stanzas)]
    return found


MACHINE = "8ad5e1b6f5a04a0f8ab1e0a3b6dbb7b1"


def test_rhel_9_with_z_stream_updates_and_rescue() -> None:
    # `0-rescue` has release "rescue" and version "0": it comes last.
    order = [
        f"{MACHINE}-5.14.0-503.11.1.el9_5.x86_64",
        f"{MACHINE}-5.14.0-427.13.1.el9_4.x86_64",
        f"{MACHINE}-5.14.0-362.24.2.el9_3.x86_64",
        f"{MACHINE}-5.14.0-362.8.1.el9_3.x86_64",
        f"{MACHINE}-5.14.0-362.el9.x86_64",
        f"{MACHINE}-0-rescue",
    ]
    assert grub(*reversed(order)) == order


def test_rhel_8_debug_kernel_comes_before_the_plain_one() -> None:
    order = [
        f"{MACHINE}-4.18.0-553.el8_10.x86_64+debug",
        f"{MACHINE}-4.18.0-553.el8_10.x86_64",
        f"{MACHINE}-4.18.0-240.el8.x86_64",
    ]
    assert grub(*order) == order


def test_fedora_44() -> None:
    order = [
        f"{MACHINE}-6.19.10-300.fc44.x86_64",
        f"{MACHINE}-6.19.9-300.fc44.x86_64",
        f"{MACHINE}-6.19.0-0.rc6.260119g1d2c3b4.46.fc44.x86_64",
        f"{MACHINE}-6.18.7-200.fc43.x86_64",
        f"{MACHINE}-0-rescue",
    ]
    assert grub(*reversed(order)) == order


def test_another_machine_id_is_the_name_and_counts_first() -> None:
    # A name that begins with digits is newer than one that begins with letters.
    order = [
        "9cafe000000000000000000000000000-5.0.0-1.fc30.x86_64",
        "fedora00000000000000000000000000-6.19.9-300.fc44.x86_64",
        "cafe0000000000000000000000000000-6.19.9-300.fc44.x86_64",
    ]
    assert grub(*order) == order


def test_ostree_names_with_one_and_no_dash() -> None:
    assert grub("ostree-1", "ostree-2", "ostree", "custom") == ["ostree-2", "ostree-1", "ostree", "custom"]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0", "1.1"),
        ("1.9", "1.10"),
        ("1.0a", "1.0.1"),
        ("1.0", "1.0.a"),
        ("1.0~rc1", "1.0"),
        ("1.0~rc1", "1.0~rc2"),
        ("1.0", "1.0+debug"),
        ("1.0+debug", "1.0.1"),
        ("1.0+debug", "1.0a"),
        ("a", "1"),
        ("007", "10"),
    ],
)
def test_rpm_key(older: str, newer: str) -> None:
    assert rpm_key(older) < rpm_key(newer)


@pytest.mark.parametrize(("one", "other"), [("1.0", "1-0"), ("1.01", "1.1"), ("1.0", "1.0.")])
def test_rpm_key_ignores_separators_and_leading_zeros(one: str, other: str) -> None:
    assert rpm_key(one) == rpm_key(other)


def test_equal_names_keep_their_order() -> None:
    names = ["a-1_0-01", "a-1.0-1", "a-1.0.-1"]
    assert [each.id for each in grub_order([stanza(name) for name in names])] == names


# From the oldest to the newest: the example in systemd's source, among other versions, ordered by
# `systemd-analyze compare-versions` of systemd 252.
ASCENDING = [
    "~",
    "a--b",
    "0-rescue",
    "1..2",
    "5.14.0-362.el9.x86_64",
    "5.14.0-362.8.1.el9_3.x86_64",
    "6.1.0-37-amd64",
    "6.12.9-amd64",
    "6.12.38+deb13-amd64",
    "6.12.41+deb13-amd64",
    "122.1",
    "123~rc1-1",
    "123",
    "123-a",
    "123-a.1",
    "123-1",
    "123-1.1",
    "123^post1",
    "123.a-1",
    "123.1-1",
    "123a-1",
    "124-1",
]


def test_version_compare_agrees_with_systemd() -> None:
    for (i, one), (j, other) in itertools.product(enumerate(ASCENDING), repeat=2):
        assert version_compare(one, other) == (i > j) - (i < j), (one, other)


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ("", "1", -1),
        ("123_a", "123a", 0),
        ("00123", "123", 0),
        ("6.12.9-amd64", "6.12.10-amd64", -1),
        ("5.11.0-0.rc5.20210128git76c057c84d28.137.fc34", "5.11.0-0.rc5.20210128git76c057c84d28.138.fc34", -1),
        ("abc", "abcde", -1),
    ],
)
def test_version_compare(one: str, other: str, result: int) -> None:
    assert (version_compare(one, other), version_compare(other, one)) == (result, -result)


_VERSIONS = st.text(alphabet="019abz.-~^+_ ", max_size=7)


@given(_VERSIONS, _VERSIONS)
def test_version_compare_turns_round(one: str, other: str) -> None:
    assert version_compare(one, other) == -version_compare(other, one)


@given(_VERSIONS, _VERSIONS, _VERSIONS)
def test_version_compare_is_an_order(one: str, two: str, three: str) -> None:
    a, b, c = sorted((one, two, three), key=cmp_to_key(version_compare))
    assert version_compare(a, b) <= 0
    assert version_compare(b, c) <= 0
    assert version_compare(a, c) <= 0


def test_counted() -> None:
    assert counted("debian-6.12.9-amd64+3-1") == Counted("debian-6.12.9-amd64", 3, 1)
    assert counted("debian-6.12.9-amd64+3") == Counted("debian-6.12.9-amd64", 3, 0)
    assert counted("fedora-6.19.9+debug") == Counted("fedora-6.19.9+debug", -1, -1)
    assert counted("a+0-3") == Counted("a", 0, 3)


def systemd(*stanzas: Stanza) -> list[str | None]:
    shuffled = random.Random(2).sample(stanzas, len(stanzas))
    found = [each.id for each in systemd_boot_order(shuffled)]
    assert found == [each.id for each in systemd_boot_order(stanzas)]
    return found


def test_debian_13_with_sort_keys() -> None:
    keys = {"sort_key": "debian", "machine_id": MACHINE}
    assert systemd(
        stanza(f"{MACHINE}-6.12.9-amd64", version="6.12.9-amd64", **keys),
        stanza(f"{MACHINE}-6.12.38+deb13-amd64", version="6.12.38+deb13-amd64", **keys),
        stanza(f"{MACHINE}-6.12.41+deb13-amd64", version="6.12.41+deb13-amd64", **keys),
        stanza(f"{MACHINE}-6.1.0-37-amd64", version="6.1.0-37-amd64", **keys),
    ) == [
        f"{MACHINE}-6.12.41+deb13-amd64",
        f"{MACHINE}-6.12.38+deb13-amd64",
        f"{MACHINE}-6.12.9-amd64",
        f"{MACHINE}-6.1.0-37-amd64",
    ]


def test_sort_keys_come_first_then_machine_ids_and_entries_without_tries_last() -> None:
    assert systemd(
        stanza("old-style-2"),
        stanza("old-style-10"),
        stanza("z-1", sort_key="arch", version="1"),
        stanza("a-2", sort_key="debian", machine_id="bbbb", version="2"),
        stanza("b-1", sort_key="debian", machine_id="aaaa", version="1"),
        stanza("broken-9+0-3", sort_key="arch", version="9"),
        stanza("no-version", sort_key="debian", machine_id="aaaa"),
    ) == ["z-1", "b-1", "no-version", "a-2", "old-style-10", "old-style-2", "broken-9+0-3"]


def test_of_one_name_the_one_with_more_tries_left_then_fewer_done() -> None:
    assert systemd(stanza("a-1+1-2"), stanza("a-1+3-1"), stanza("a-1+3")) == ["a-1+3", "a-1+3-1", "a-1+1-2"]
