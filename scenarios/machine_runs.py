"""Runs of washing machines, dishwashers and dryers: what a household lets be moved."""

from dataclasses import dataclass

from recosim.arrays import FloatArray, IntArray


@dataclass(frozen=True, kw_only=True, slots=True)
class ShiftableCycle:
    """One run of a washing machine, dishwasher or dryer, as the household would start it.

    Parameters
    ----------
    household : int
        Index of the household, the column of the series.
    appliance : str
        Name in ``households.yaml``.
    step_start : int
        Step of the window in which the cycle starts.
    step_latest : int
        Latest start the household accepts; the cycle still ends in the window and before its next run.
    powers_kw : array, shape (n_steps,), read-only
        Mean power of each step of the cycle, already part of ``power_load_kw`` [kW].
    """

    household: int
    appliance: str
    step_start: int
    step_latest: int
    powers_kw: FloatArray

    @property
    def n_steps(self) -> int:
        """Length of the cycle in steps."""
        return len(self.powers_kw)


@dataclass(frozen=True, kw_only=True)
class MachineRuns:
    """All runs of one machine, as arrays: a year of a thousand homes has half a million.

    Parameters
    ----------
    household : int
    appliance : str
    step_start, step_latest : array of int, shape (n_runs,)
    powers_kw : array, shape (n_steps,)
        As in `ShiftableCycle`.
    """

    household: int
    appliance: str
    step_start: IntArray
    step_latest: IntArray
    powers_kw: FloatArray

    def cycles(self) -> list[ShiftableCycle]:
        """The runs one by one."""
        return [
            ShiftableCycle(
                household=self.household,
                appliance=self.appliance,
                step_start=start,
                step_latest=latest,
                powers_kw=self.powers_kw,
            )
            for start, latest in zip(self.step_start.tolist(), self.step_latest.tolist(), strict=True)
        ]
