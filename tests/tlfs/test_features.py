"""Enlightenments by name, and the bits of CPUID leaves 0x40000003 and 0x40000004 that they stand for."""

import pytest

from hv.errors import ConfigError
from hv.tlfs import Feature, parse_features
from hv.tlfs.features import ROWS

BASE_BITS = 1 << 5 | 1 << 6


def test_the_default_is_what_a_vmbus_guest_uses() -> None:
    features = parse_features("default")
    assert features.privileges & 0xFFFFFFFF == 0x00000A7E
    assert features.privileges >> 32 == 0x30
    assert features.misc == 1 << 8 | 1 << 10 | 1 << 19
    assert features.hints == 0x220


def test_all_is_every_bit_that_something_stands_behind() -> None:
    features = parse_features("all,+tsc-invariant")
    assert features.privileges & 0xFFFFFFFF == 0x8EFF
    assert features.privileges >> 32 == 1 << 4 | 1 << 5 | 1 << 17 | 1 << 20 | 1 << 21
    assert features.misc == 1 << 4 | 1 << 5 | 1 << 8 | 1 << 10 | 7 << 17
    assert features.hints == 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 7 << 9


def test_none_is_no_interface_at_all() -> None:
    features = parse_features("none")
    assert not features
    assert (features.privileges, features.misc, features.hints) == (0, 0, 0)


def test_adding_brings_what_is_needed() -> None:
    assert parse_features("none,+refcount").privileges == BASE_BITS | 1 << 1
    assert parse_features("none,+stimer").privileges == BASE_BITS | 1 << 1 | 1 << 2 | 1 << 3


def test_taking_away_takes_what_needs_it() -> None:
    features = parse_features("all,-stimer")
    assert Feature.STIMER_DIRECT not in features
    assert Feature.SYNIC in features
    assert not parse_features("all,-base")


def test_the_last_word_counts() -> None:
    assert Feature.STIMER in parse_features("all,-stimer,+stimer")
    assert Feature.STIMER not in parse_features("none,+stimer,-synic")


def test_changes_alone_change_the_default() -> None:
    assert parse_features("+idle") == parse_features("default,+idle")
    assert parse_features(" -crash , +ipi ") == parse_features("default,-crash,+ipi")


@pytest.mark.parametrize("text", ["default", "all", "none", "none,+reftsc,+ipi"])
def test_features_print_in_a_form_that_can_be_read_back(text: str) -> None:
    features = parse_features(text)
    assert parse_features(str(features)) == features


@pytest.mark.parametrize(
    "text", ["", "some", "all,stimer", "all,-stimmer", "all,", "+", "all,none"]
)
def test_what_is_no_feature_is_a_usage_error(text: str) -> None:
    with pytest.raises(ConfigError, match="stimer-direct") as caught:
        parse_features(text)
    assert caught.value.usage


def test_every_name_can_be_given_alone_and_no_bit_belongs_to_two() -> None:
    total = [0, 0, 0]
    for feature in Feature:
        row = ROWS[feature]
        assert row.summary
        assert feature in parse_features(f"none,+{feature.value}")
        for place, bits in enumerate((row.privileges, row.misc, row.hints)):
            assert not total[place] & bits
            total[place] |= bits
