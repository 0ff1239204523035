"""What things cost in cycles, as a versioned file of figures with their sources.

Cycles = instructions x CPI, and for each exit a world switch, its delivery to whoever answers it, and the
work done there; for each device request its work and the sectors it moves; for each interrupt its injection.
The typical figures drive virtual time; the low and high ones are for reports, which show what conclusions
do not depend on the model.
"""

from hv.cost.load import DEFAULT_MODEL, is_shipped, load_model
from hv.cost.model import CAUSES, CostModel, Figure, Spread
from hv.cost.prices import EXIT_PRICES, FREE, Place, Trigger, WorkKind, work_figures

__all__ = [
    "CAUSES",
    "DEFAULT_MODEL",
    "EXIT_PRICES",
    "FREE",
    "CostModel",
    "Figure",
    "Place",
    "Spread",
    "Trigger",
    "WorkKind",
    "is_shipped",
    "load_model",
    "work_figures",
]
