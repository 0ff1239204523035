"""Runs all paths of one pair."""

from hv.cost import MODEL
from hv.errors import ConfigError
from hv.root.comparison import WorkReport
from hv.root.pairs import Pair


def model_name(cost_model: str | None) -> str:
    """The name that reports give the cost model; ConfigError when it cannot be used."""
    if cost_model is not None:
        raise ConfigError(f"no cost model {cost_model}")
    return MODEL


def run_pair(pair: Pair, cost_model: str | None) -> WorkReport:
    """What the paths of ``pair`` cost by ``cost_model``."""
    raise ConfigError(f"@{pair.name} cannot be run by {model_name(cost_model)}")
