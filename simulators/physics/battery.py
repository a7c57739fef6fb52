"""Battery behind a POD: stored energy, limits, the local rule, and what the device does of what is asked."""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray, FloatArray
from recosim.simulators.physics.checks import Values, require_range

SECONDS_PER_MONTH = 365.25 / 12.0 * 86_400.0
TEMP_CELL_RANGE_DEGC = (10.0, 45.0)
"""Where the model of ageing was fitted."""
_SECONDS_PER_HOUR = 3600.0
_TOLERANCE_KWH = 1e-9


@dataclass(frozen=True, kw_only=True)
class Battery:
    """Parameters of n batteries; each field is an array of shape (n,) or a scalar for all.

    Parameters
    ----------
    capacity_kwh : array or float
        Nominal capacity [kWh].
    power_charge_max_kw, power_discharge_max_kw : array or float
        Largest power at the terminals [kW].
    state_min, state_max : array or float
        Usable range of the stored energy, as shares of the capacity.
    efficiency_charge, efficiency_discharge : array or float
        Terminals to cells and back, inverter included, (0, 1].
    self_discharge_per_month : array or float
        Share of the stored energy lost in a month of 30.4375 days, [0, 1).
    grid_charging : bool array or bool
        True: it may charge from the grid, and then discharges to its own load only. False: it charges from
        the surplus of its own POD only, and may discharge into the grid.
    ages : bool array or bool
        True: it loses capacity, as `battery_ageing` says; these limits are those of the new battery.
    temp_cell_degc : array or float
        Temperature of the cells, on which ageing depends [degC].

    Raises
    ------
    ValueError
        A value is out of range; the message names field, index, value and range.
    """

    capacity_kwh: Values
    power_charge_max_kw: Values
    power_discharge_max_kw: Values
    state_min: Values = 0.10
    state_max: Values = 0.95
    efficiency_charge: Values = 0.95
    efficiency_discharge: Values = 0.95
    self_discharge_per_month: Values = 0.02
    grid_charging: BoolArray | bool = False
    ages: BoolArray | bool = False
    temp_cell_degc: Values = 25.0

    def __post_init__(self) -> None:
        for name in ("capacity_kwh", "power_charge_max_kw", "power_discharge_max_kw"):
            require_range(name, getattr(self, name), 0.0, np.inf, high_open=True)
        for name in ("efficiency_charge", "efficiency_discharge"):
            require_range(name, getattr(self, name), 0.0, 1.0, low_open=True)
        for name in ("state_min", "state_max"):
            require_range(name, getattr(self, name), 0.0, 1.0)
        require_range("state_max - state_min", np.subtract(self.state_max, self.state_min), 0.0)
        require_range("self_discharge_per_month", self.self_discharge_per_month, 0.0, 1.0, high_open=True)
        require_range("temp_cell_degc", self.temp_cell_degc, *TEMP_CELL_RANGE_DEGC)


def retained_share(battery: Battery, step_s: float) -> Values:
    """Share of the stored energy that self-discharge leaves over a step.

    Parameters
    ----------
    battery : Battery
        n batteries.
    step_s : float
        Length of the step [s].

    Returns
    -------
    array, shape (n,), or float
        (1 - sigma)^(step / month); steps multiply up to any longer step.
    """
    return (1.0 - battery.self_discharge_per_month) ** (step_s / SECONDS_PER_MONTH)


def stored_energy_after(
    battery: Battery, energy_kwh: Values, charge_kw: Values, discharge_kw: Values, step_s: float
) -> FloatArray:
    """Energy stored at the end of a step.

    Parameters
    ----------
    battery : Battery
        n batteries.
    energy_kwh : array, shape (n,)
        Stored at the start of the step [kWh].
    charge_kw, discharge_kw : array, shape (n,)
        At the terminals, not negative [kW].
    step_s : float
        Length of the step [s].

    Returns
    -------
    array, shape (n,)
        E (1 - sigma)^dt + eta_c P_c dt - P_d dt / eta_d [kWh].

    Raises
    ------
    ValueError
        A result leaves the battery's limits by more than 1e-9 kWh. A battery that self-discharge alone has
        taken below its minimum (or that starts outside its range) is no error: an idle step never raises,
        while discharging it further does.

    Notes
    -----
    Source: Guerrazzi et al. 2023, table 6; self-discharge taken per month.
    """
    hours = step_s / _SECONDS_PER_HOUR
    kept = retained_share(battery, step_s) * energy_kwh
    after = (
        kept
        + np.multiply(battery.efficiency_charge, charge_kw) * hours
        - np.divide(discharge_kw, battery.efficiency_discharge) * hours
    )
    lowest = np.minimum(np.multiply(battery.state_min, battery.capacity_kwh), kept)
    highest = np.maximum(np.multiply(battery.state_max, battery.capacity_kwh), kept)
    wrong = ~((after >= lowest - _TOLERANCE_KWH) & (after <= highest + _TOLERANCE_KWH))
    if wrong.any():
        at = int(np.argmax(wrong))
        values, low, high = (np.ravel(x) for x in np.broadcast_arrays(after, lowest, highest))
        raise ValueError(
            f"battery {at}: energy stored after the step = {values[at]:.9g} kWh, "
            f"allowed [{low[at]:.9g}, {high[at]:.9g}] kWh; use power_limits or clip_to_limits first"
        )
    return np.asarray(after, dtype=np.float64)


def power_limits(battery: Battery, energy_kwh: Values, step_s: float) -> tuple[FloatArray, FloatArray]:
    """Largest powers over a step that keep the stored energy within its limits.

    Parameters
    ----------
    battery : Battery
        n batteries.
    energy_kwh : array, shape (n,)
        Stored at the start of the step [kWh].
    step_s : float
        Length of the step [s].

    Returns
    -------
    charge_max_kw, discharge_max_kw : array, shape (n,)
        At the terminals, each for the other one being zero, not negative [kW].
    """
    hours = step_s / _SECONDS_PER_HOUR
    kept = retained_share(battery, step_s) * energy_kwh
    room = (np.multiply(battery.state_max, battery.capacity_kwh) - kept) / (battery.efficiency_charge * hours)
    stock = (kept - np.multiply(battery.state_min, battery.capacity_kwh)) * (
        battery.efficiency_discharge / hours
    )
    return (
        np.maximum(np.minimum(room, battery.power_charge_max_kw), 0.0),
        np.maximum(np.minimum(stock, battery.power_discharge_max_kw), 0.0),
    )


def self_consumption(
    battery: Battery, energy_kwh: Values, net_before_storage_kw: Values, step_s: float
) -> tuple[FloatArray, FloatArray]:
    """Local rule: charge from the POD's own surplus, discharge to its own load.

    Parameters
    ----------
    battery : Battery
        n batteries.
    energy_kwh : array, shape (n,)
        Stored at the start of the step [kWh].
    net_before_storage_kw : array, shape (n,)
        Load minus generation at each battery's POD, without the battery [kW].
    step_s : float
        Length of the step [s].

    Returns
    -------
    charge_kw, discharge_kw : array, shape (n,)
        At the terminals, never both at once [kW].
    """
    charge_max, discharge_max = power_limits(battery, energy_kwh, step_s)
    return (
        np.minimum(charge_max, np.maximum(np.negative(net_before_storage_kw), 0.0)),
        np.minimum(discharge_max, np.maximum(net_before_storage_kw, 0.0)),
    )


def clip_to_limits(
    battery: Battery,
    energy_kwh: Values,
    charge_kw: Values,
    discharge_kw: Values,
    net_before_storage_kw: Values,
    step_s: float,
) -> tuple[FloatArray, FloatArray]:
    """Powers that the devices deliver when a controller asks for others.

    Parameters
    ----------
    battery : Battery
        n batteries.
    energy_kwh : array, shape (n,)
        Stored at the start of the step [kWh].
    charge_kw, discharge_kw : array, shape (n,)
        Asked at the terminals; a NaN in either leaves that battery to ``self_consumption``. If both are
        asked, their difference is what counts [kW].
    net_before_storage_kw : array, shape (n,)
        Load minus generation at each battery's POD, without the battery [kW].
    step_s : float
        Length of the step [s].

    Returns
    -------
    charge_kw, discharge_kw : array, shape (n,)
        At the terminals, never both at once, within every limit [kW].

    Notes
    -----
    Two batteries behind one POD must be given their parts of its surplus and load.
    """
    asked = np.subtract(charge_kw, discharge_kw)
    local = np.isnan(asked)
    # the local rule is "take the whole surplus, feed the whole load", so it is just another thing to ask
    asked = np.where(local, np.negative(net_before_storage_kw), asked)
    charge_max, discharge_max = power_limits(battery, energy_kwh, step_s)
    surplus = np.maximum(np.negative(net_before_storage_kw), 0.0)
    load = np.maximum(net_before_storage_kw, 0.0)
    charge_max = np.where(battery.grid_charging, charge_max, np.minimum(charge_max, surplus))
    discharge_max = np.where(battery.grid_charging, np.minimum(discharge_max, load), discharge_max)
    return (
        np.minimum(np.maximum(asked, 0.0), charge_max),
        np.minimum(np.maximum(np.negative(asked), 0.0), discharge_max),
    )
