"""What faults cost: a run with them beside the same run without."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from recosim.errors import ResultsError
from recosim.readable import readable
from recosim.results.differences import differences, same_choice
from recosim.results.run_file import Kpi, Run, open_run

WITHOUT_FAULTS = "-without-faults"
"""How the name of a file ends that `recosim run --without-faults` writes by itself."""

PARTS_OF_J = {
    "net": "cost_net_eur",
    "for comfort": "cost_comfort_eur",
    "for wear": "cost_wear_eur",
    "for what is left stored": "value_stored_change_eur",
}


@dataclass(frozen=True, kw_only=True)
class FaultCost:
    """Key figures of a run with faults and of the same run without.

    Parameters
    ----------
    faulty, clean : Path
        Their files.
    with_faults, without : mapping of str to float, int or None
        Their key figures.
    """

    faulty: Path
    clean: Path
    with_faults: Mapping[str, Kpi]
    without: Mapping[str, Kpi]

    def change(self, name: str) -> float:
        """How much more of a key figure there is with the faults; 0 where it does not apply."""
        return float(self.with_faults.get(name) or 0.0) - float(self.without.get(name) or 0.0)

    def in_words(self) -> str:
        """One line: J and its parts, bills and comfort."""
        told = ", ".join(f"{self._cents(name):+.2f} EUR {what}" for what, name in PARTS_OF_J.items())
        discomfort = round(self.change("discomfort_kh"), 2) + 0.0
        more = f"bills {self._cents('bill_eur'):+.2f} EUR, discomfort {discomfort:+.2f} K h"
        failed = self.change("solve_failures")
        if failed:
            more += f", solves without an optimum {failed:+,.0f}"
        return (
            f"the faults cost {self._cents('objective_eur'):.2f} EUR of J in {self.faulty}: {told} ({more}); "
            "all else is equal"
        )

    def _cents(self, name: str) -> float:
        # what is left stored counts against J; adding zero makes -0.00 of rounding plain
        sign = -1.0 if name == "value_stored_change_eur" else 1.0
        return round(sign * self.change(name), 2) + 0.0


def costs_of_faults(paths: Sequence[Path]) -> list[FaultCost]:
    """Costs of the faults in each of several complete runs that stands beside the same run without.

    Raises
    ------
    ResultsError
        A file cannot be read.
    """
    with ExitStack() as stack:
        runs = [stack.enter_context(open_run(path)) for path in dict.fromkeys(paths)]
        clean = [run for run in runs if not run.faults()]
        found = (_beside(run, clean) for run in runs if run.faults())
        return [cost for cost in found if cost is not None]


def cost_beside(run: Run, others: Sequence[Path] = ()) -> FaultCost | None:
    """Costs of a run's faults, from ``others`` or from the file without them that lies beside its own."""
    if not run.faults() or not run.complete:
        return None
    own = run.path.with_stem(f"{run.path.stem}{WITHOUT_FAULTS}")
    with ExitStack() as stack:
        return _beside(run, _readable((*others, own), stack))


def _readable(paths: Sequence[Path], stack: ExitStack) -> Iterator[Run]:
    for path in paths:
        try:
            yield stack.enter_context(open_run(path))
        except ResultsError:
            continue  # nobody asked for it


def _beside(run: Run, candidates: "Sequence[Run] | Iterator[Run]") -> FaultCost | None:
    for other in candidates:
        if other.complete and not other.faults() and same_choice(other, run) and not differences(other, run):
            return FaultCost(faulty=run.path, clean=other.path, with_faults=run.kpis, without=other.kpis)
    return None


def signed(value: float | None, unit: str, name: str = "") -> str:
    """Write a change for people, with its sign; a dash for none.

    Examples
    --------
    >>> signed(2.0, "EUR"), signed(-2.0, "EUR"), signed(0.001, "EUR"), signed(None, "EUR")
    ('+2.00', '-2.00', '0.00', '–')
    """
    text = readable(value, unit, name)
    return f"+{text}" if value is not None and value > 0.0 and text.strip("0.,") else text
