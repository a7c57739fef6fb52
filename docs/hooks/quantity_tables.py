"""Tables of the quantities in a result file, from the one table of the program."""

from collections.abc import Iterable

from recosim.quantities import KPI_NAMES, QUANTITIES, Quantity, quantity


def key_figures() -> str:
    """Key figures in the order in which a run prints them."""
    return _table(quantity(name) for name in KPI_NAMES)


def series() -> str:
    """Quantities that are recorded as series, where the community has the device."""
    shared = {"energy_withdrawn_kwh", "energy_injected_kwh"}
    return _table(one for name, one in QUANTITIES.items() if name not in KPI_NAMES or name in shared)


def _table(quantities: Iterable[Quantity]) -> str:
    rows = [f"| `{one.name}` | {one.unit} | {one.meaning} |" for one in quantities]
    return "\n".join(["| name | unit | what |", "|---|---|---|", *rows])
