"""The hypervisor's CPUID leaves as a guest reads them when it looks where it is."""

import pytest

from tests.tlfs.bench import PHYSICAL_BITS, Bench


def text(*words: int) -> bytes:
    return b"".join(word.to_bytes(4, "little") for word in words)


def test_a_guest_finds_microsofts_interface() -> None:
    cpuid = Bench("default").vp.cpuid
    top, *vendor = cpuid(0x40000000) or (0, 0, 0, 0)
    assert 0x40000005 <= top <= 0x4000FFFF
    assert text(*vendor) == b"Microsoft Hv"
    assert cpuid(0x40000001) == (0x31237648, 0, 0, 0)


def test_identity_features_hints_and_limits() -> None:
    cpuid = Bench("default", processors=3).vp.cpuid
    assert cpuid(0x40000002) == (19041, 0x000A0000, 0, 0)
    assert cpuid(0x40000003) == (0xA7E, 0x30, 0, 0x80500)
    assert cpuid(0x40000004) == (0x220, 0xFFFFFFFF, PHYSICAL_BITS, 0)
    assert cpuid(0x40000005) == (3, 3, 0, 0)
    assert cpuid(0x40000006) == (0, 0, 0, 0)


@pytest.mark.parametrize("leaf", [0x40000007, 0x4000000A, 0x4000000C, 0x40000081, 0x400000FF])
def test_what_is_above_the_highest_leaf_reads_zero(leaf: int) -> None:
    assert Bench().vp.cpuid(leaf) == (0, 0, 0, 0)


@pytest.mark.parametrize("leaf", [0, 1, 0x3FFFFFFF, 0x40000100, 0x80000000])
def test_other_leaves_are_the_processors(leaf: int) -> None:
    assert Bench().vp.cpuid(leaf) is None


def test_without_features_no_leaf_is_the_hypervisors() -> None:
    assert Bench("none").vp.cpuid(0x40000000) is None


def test_a_feature_that_is_taken_away_is_not_shown() -> None:
    leaf = Bench("all,-synic").vp.cpuid(0x40000003)
    assert leaf is not None
    assert leaf[0] & (1 << 2 | 1 << 3) == 0
    assert leaf[3] & (1 << 17 | 1 << 19) == 0
