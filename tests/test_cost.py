"""Cost models: what the shipped ones are, what a broken file is told."""

from pathlib import Path

import pytest

from hv.cost import DEFAULT_MODEL, Spread, load_model
from hv.cost.model import CAUSES, FIGURES
from hv.errors import ConfigError


def text_of(name: str = "zero") -> str:
    return (Path(__file__).parent.parent / "hv" / "cost" / f"{name}.toml").read_text()


def test_every_figure_of_the_default_model_has_a_source_a_date_and_a_machine() -> None:
    model = load_model(DEFAULT_MODEL)
    assert model.name == DEFAULT_MODEL
    assert list(model.figures) == list(FIGURES)
    for figure in model.figures.values():
        assert figure.unit.startswith("cycles per ")
        assert len(figure.source) > 20
        assert figure.date
        assert figure.machine
        assert figure.low < figure.typical < figure.high


def test_the_model_of_zeros_gives_a_cycle_an_instruction_and_nothing_else() -> None:
    model = load_model("zero")
    assert model.instructions(12_345) == Spread(12_345, 12_345, 12_345)
    assert model.price(name for name in FIGURES if name != "cpi") == Spread()


def test_every_figure_has_one_cause() -> None:
    named = [figure for figures in CAUSES.values() for figure in figures]
    assert len(named) == len(set(named)) == len(FIGURES)


def test_cycles_per_instruction_may_have_decimals(tmp_path: Path) -> None:
    path = tmp_path / "slow.toml"
    path.write_text(text_of().replace("typical = 1\nhigh = 1", "typical = 1.5\nhigh = 2.25", 1))
    model = load_model(str(path))
    assert model.cpi() == (1024, 1536, 2304)
    assert model.instructions(1000) == Spread(1000, 1500, 2250)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('schema = "hv.cost/1"', 'schema = "hv.cost/9"', "this is no cost model"),
        ('name = "zero"', "name = 7", "name and about must be text"),
        ('name = "zero"', 'name = "zero"\nextra = 1', "unknown key 'extra'"),
        ("low = 0", "low = 5", "not low <= typical <= high"),
        ("low = 0", "low = -5", "no whole number from 0"),
        ("low = 0", "low = 0.5", "no whole number from 0"),
        ("low = 0", 'low = "cheap"', "low is not a number"),
        ("low = 0", "low = nan", "low is not a number"),
        ("low = 0", "low = true", "low is not a number"),
        ("low = 0", "lowest = 0", "unknown key 'lowest'"),
        ("low = 1", "low = 0", "'cpi': low is not from 0.001"),
        ('source = "by definition"', "", "it needs a unit and a source"),
        ('source = "by definition"', "source = 1", "are texts"),
        ('[figure."delivery.user"]', '[figure."delivery.pigeon"]', "no figure 'delivery.pigeon'"),
        ("low = 0", "low = ", "Invalid value"),
    ],
)
def test_a_broken_model_gives_one_line(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "broken.toml"
    assert old in text_of()
    path.write_text(text_of().replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        load_model(str(path))
    assert complaint in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_figure_may_not_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "short.toml"
    text = text_of()
    path.write_text(text[: text.rindex("[figure.")])
    with pytest.raises(ConfigError, match="is missing"):
        load_model(str(path))


@pytest.mark.parametrize("name", ["hv-1999.1", "no/such/file.toml"])
def test_an_unknown_name_is_told_what_there_is(name: str) -> None:
    with pytest.raises(ConfigError, match=r"there are hv-2026\.1, zero, or name a file"):
        load_model(name)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "picture.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_model(str(path))
    with pytest.raises(ConfigError, match="directory"):
        load_model(str(tmp_path))
