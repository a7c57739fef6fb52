"""The two-node network without air capacity is the hourly method of EN ISO 13790, Annex C, written anew."""

import numpy as np
import pytest

from recosim.simulators.physics.rc_network import (
    INPUTS,
    discretise,
    network_from_iso13790,
    stack_inputs,
    temperature_air_mean,
    temperatures_after,
)

HOURS = 8760
WARMUP = 14 * 24
# TABULA AB.05, AB.06, AB.08: A_f, H_op, H_w, H_ve, and a heavy building
AREA = np.array([61.0, 73.0, 68.5, 48.0])
H_OP = np.array([116.3, 71.4, 29.2, 51.5])
H_W = np.array([39.3, 28.0, 19.2, 37.2])
H_VE = np.array([41.5, 37.3, 29.1, 18.2])
CAPACITY = np.array([162e3, 162e3, 162e3, 307_750.0]) * AREA
F_M = np.array([2.5, 2.5, 2.5, 2.43])
HEATING, COOLING = 20.0, 26.0


def climate():
    """Outdoor temperature [degC], solar and internal gains [W] of a year, hour by hour."""
    hour = np.arange(HOURS)
    year, day = 2.0 * np.pi * hour / HOURS, 2.0 * np.pi * hour / 24.0
    weather = 3.0 * np.sin(2.0 * np.pi * hour / 97.0)
    outdoor = 13.0 - 10.0 * np.cos(year) - 5.0 * np.cos(day - 2.0 * np.pi * 3.0 / 24.0) + weather
    clearness = 0.6 + 0.4 * np.sin(2.0 * np.pi * hour / 131.0)
    solar = clearness * (1800.0 - 600.0 * np.cos(year)) * np.maximum(-np.cos(day), 0.0)
    internal = 250.0 + 100.0 * (hour % 24 >= 18)
    return outdoor, solar, internal


class AnnexC:
    """Crank-Nicolson on the mass node, surface and air node algebraic; all in W, K and h."""

    def __init__(self, h_is=3.45):
        a_t, a_m = 4.5 * AREA, F_M * AREA
        self.h_is, self.h_ms = h_is * a_t, 9.1 * a_m
        self.h_em = 1.0 / (1.0 / H_OP - 1.0 / self.h_ms)
        self.h1 = 1.0 / (1.0 / H_VE + 1.0 / self.h_is)
        self.h2 = self.h1 + H_W
        self.h3 = 1.0 / (1.0 / self.h2 + 1.0 / self.h_ms)
        self.share_mass, self.share_glass = a_m / a_t, H_W / (9.1 * a_t)
        self.mass = np.full(len(AREA), 20.0)

    def hour(self, outdoor, solar, internal, heat):
        """Air temperature of the hour and mass temperature at its end for a given heat."""
        gain = 0.5 * internal + solar
        to_air, to_mass = 0.5 * internal, self.share_mass * gain
        to_surface = (1.0 - self.share_mass - self.share_glass) * gain
        supply = outdoor + (to_air + heat) / H_VE
        total = (
            to_mass
            + self.h_em * outdoor
            + self.h3 * (to_surface + H_W * outdoor + self.h1 * supply) / self.h2
        )
        per_hour = CAPACITY / 3600.0
        half = 0.5 * (self.h3 + self.h_em)
        mass_end = (self.mass * (per_hour - half) + total) / (per_hour + half)
        mass = 0.5 * (self.mass + mass_end)
        surface = self.h_ms * mass + to_surface + H_W * outdoor + self.h1 * supply
        surface /= self.h_ms + H_W + self.h1
        air = (self.h_is * surface + H_VE * outdoor + to_air + heat) / (self.h_is + H_VE)
        return air, mass_end

    def controlled(self, outdoor, solar, internal):
        """Heat need of the hour (negative: cooling), by the two evaluations of clause C.4.2."""
        free, _ = self.hour(outdoor, solar, internal, np.zeros(len(AREA)))
        warm, _ = self.hour(outdoor, solar, internal, 10.0 * AREA)
        target = np.clip(free, HEATING, COOLING)
        heat = 10.0 * AREA * (target - free) / (warm - free)
        air, self.mass = self.hour(outdoor, solar, internal, heat)
        return heat, air


def ours(heating, cooling):
    """Heat [kW] and mean air temperature [degC] by the hour; set-points hold for the mean, as in C.4.2."""
    outdoor, solar, internal = climate()
    network = network_from_iso13790(
        floor_area_m2=AREA,
        conductance_opaque_w_per_k=H_OP,
        conductance_window_w_per_k=H_W,
        conductance_ventilation_w_per_k=H_VE,
        capacity_mass_j_per_m2k=CAPACITY / AREA,
        mass_area_factor=F_M,
        capacity_air_j_per_m2k=1.0,
    )
    discrete, hvac = discretise(network, 3600.0), INPUTS.index("heat_hvac_kw")
    temps = np.full((len(AREA), 2), 20.0)
    heats, airs = [], []
    for hour in range(HOURS):
        now = stack_inputs(
            outdoor[hour], np.full(len(AREA), outdoor[hour]), 0.0, internal[hour] / 1e3, solar[hour] / 1e3
        )
        free = temperature_air_mean(discrete, temps, now)
        now[:, hvac] = (np.clip(free, heating, cooling) - free) / discrete.mean_b[:, hvac]
        heats.append(now[:, hvac])
        airs.append(temperature_air_mean(discrete, temps, now))
        temps = temperatures_after(discrete, temps, now)
    return np.array(heats), np.array(airs)


@pytest.fixture(scope="module")
def annex_c_loads():
    reference, outside = AnnexC(), zip(*climate(), strict=True)
    return np.array([reference.controlled(*now)[0] for now in outside]) / 1e3


def test_loads_of_a_year_agree(annex_c_loads):
    heat, _ = ours(HEATING, COOLING)
    counted = slice(WARMUP, None)
    heating, cooling = (np.maximum(part[counted], 0.0).sum(axis=0) for part in (heat, -heat))
    reference_heating = np.maximum(annex_c_loads[counted], 0.0).sum(axis=0)
    reference_cooling = np.maximum(-annex_c_loads[counted], 0.0).sum(axis=0)
    assert (reference_heating > 500.0).all() and (reference_cooling > 200.0).all()
    np.testing.assert_allclose(heating, reference_heating, rtol=2e-3)
    np.testing.assert_allclose(cooling, reference_cooling, rtol=2e-3)


def test_free_floating_temperatures_agree():
    reference = AnnexC()
    air = []
    for now in zip(*climate(), strict=True):
        free, reference.mass = reference.hour(*now, np.zeros(len(AREA)))
        air.append(free)
    _, found = ours(-np.inf, np.inf)
    error = np.sqrt(np.mean(np.square(found - np.array(air))[WARMUP:], axis=0))
    assert (error < 0.05).all(), error


def test_the_comparison_sees_another_surface_coefficient(annex_c_loads):
    other, outside = AnnexC(h_is=2.1), zip(*climate(), strict=True)
    loads = np.array([other.controlled(*now)[0] for now in outside]) / 1e3
    sums = [np.maximum(values[WARMUP:], 0.0).sum(axis=0) for values in (loads, annex_c_loads)]
    assert (np.abs(sums[0] / sums[1] - 1.0) > 2e-3).all()
