"""Looks again at a day that a controller has decided: is it repeatable, what does it do without readings."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray
from recosim.contracts import Community, Controller, Observation
from recosim.controllers.answers import Answers
from recosim.scenarios.controller_check.watch import Beat, Decision, last_line
from recosim.sealed import SealedMapping, own_copy, sealed
from recosim.timegrid import SECONDS_PER_DAY

Make = Callable[[], Controller]
STEPS_WITHOUT_READING = range(40, 64)
DECISIONS_AFTER = 48
"""So many decisions of the day after are compared where a controller goes on."""


def different(
    community: Community,
    decisions: Sequence[Decision],
    controllers: Sequence[Controller],
    allowance_s: float,
    beat: Beat,
) -> tuple[int, str] | None:
    """Ask controllers in turn for decisions that were made, until one differs to the bit.

    Before each decision ``beat`` is told which it is; what takes longer than ``allowance_s`` is cut short.

    Returns
    -------
    tuple or None
        Which controller, and what differs where.
    """
    answers, until = Answers(community), monotonic() + allowance_s
    for decision in decisions:
        beat(f"the first day again, {_when(community, decision)}")
        for number, controller in enumerate(controllers):
            try:
                asked = answers.checked(controller.decide(decision.observation, decision.forecast))
            except Exception as error:  # noqa: BLE001  failing anew is not differing
                if decision.asked is not None:
                    return number, f"{last_line(error)} at {_when(community, decision)}"
                continue
            if decision.asked is None:
                return number, f"no failure at {_when(community, decision)}"
            found = _difference(community, decision.asked, asked)
            if found:
                return number, f"{found} at {_when(community, decision)}"
        if monotonic() > until:
            break
    return None


def _difference(
    community: Community, before: Mapping[str, FloatArray], after: Mapping[str, FloatArray]
) -> str:
    if set(before) != set(after):
        return f"{', '.join(sorted(set(before) ^ set(after)))} given only once"
    for control, values in before.items():
        same = (values == after[control]) | (np.isnan(values) & np.isnan(after[control]))
        if not same.all():
            i = int(np.argmin(same))
            device = community.controls[control].names[i]
            return f"{control} of {device} = {float(values[i])!r} and then {float(after[control][i])!r}"
    return ""


def _when(community: Community, decision: Decision) -> str:
    when = pd.Timestamp(decision.observation.time, unit="s", tz=community.grid.timezone)
    return f"{when:%Y-%m-%d %H:%M}"


def seed_globals(seed: int) -> None:
    """Put the global random generators into another state."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  a controller may draw from it


def begun(make: Make, community: Community, seed: int) -> Controller:
    """A controller that has been reset."""
    controller = make()
    controller.reset(own_copy(community), seed)
    return controller


def without_readings(
    community: Community, decisions: Sequence[Decision], controller: Controller
) -> tuple[str, str]:
    """What fails where the first device of each kind is not read, and where nothing is read at all.

    Returns
    -------
    failed, failed_nan : str
        Empty where all is well. A missing reading keeps its last value; NaN no run ever shows.
    """
    answers, last = Answers(community), decisions[0].observation
    for decision in decisions:
        observation = decision.observation
        if observation.step in STEPS_WITHOUT_READING:
            observation = _unread(observation, last)
        else:
            last = observation
        try:
            answers.checked(controller.decide(observation, decision.forecast))
        except Exception as error:  # noqa: BLE001  it is what is looked for
            if observation.missing and decision.asked is not None:
                return f"{last_line(error)} at {_when(community, decision)}", ""
        if observation.step >= STEPS_WITHOUT_READING.stop:
            break
    if decisions[last.step].asked is None:
        return "", ""
    blind = replace(
        last, states=SealedMapping((name, sealed(np.full_like(v, np.nan))) for name, v in last.states.items())
    )
    try:
        answers.checked(controller.decide(blind, decisions[last.step].forecast))
    except Exception as error:  # noqa: BLE001  it is what is looked for
        return "", last_line(error)
    return "", ""


def _unread(observation: Observation, last: Observation) -> Observation:
    states, missing = {}, {}
    for name, values in observation.states.items():
        held, gone = values.copy(), np.zeros(len(values), dtype=np.bool_)
        held[:1], gone[:1] = last.states[name][:1], True
        states[name], missing[name] = sealed(held), sealed(gone)
    return replace(observation, states=SealedMapping(states), missing=SealedMapping(missing))


def resumed(
    make: Make, community: Community, seed: int, decisions: Sequence[Decision], allowance_s: float, beat: Beat
) -> str:
    """What is wrong when a new controller goes on from the state of another; empty where all is well.

    States are asked for and handed back between days of 24 hours, as a run does; the day after is the same
    day once more.
    """
    first: Any = begun(make, community, seed)
    second: Any = begun(make, community, seed)
    for decision in decisions:
        first.decide(decision.observation, decision.forecast)
    state = first.get_state()
    if not isinstance(state, Mapping):
        return f"get_state returned {type(state).__name__}, allowed: a mapping of names to arrays or bytes"
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, np.ndarray | bytes):
            return f"get_state()[{name!r}] is a {type(value).__name__}, allowed: arrays and bytes under names"
    second.set_state(dict(state))
    answers, after = Answers(community), []
    for decision in decisions[:DECISIONS_AFTER]:
        step = decision.observation.step + SECONDS_PER_DAY // community.grid.step_s
        observation = replace(decision.observation, step=step)
        asked = answers.checked(first.decide(observation, decision.forecast))
        after.append(replace(decision, observation=observation, asked=asked))
    found = different(community, after, [second], allowance_s, beat)
    return "" if found is None else f"after set_state: {found[1]}"
