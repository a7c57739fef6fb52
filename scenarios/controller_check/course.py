"""The course a controller is sent over, check by check; `controller_check` supervises it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol

import numpy as np

from recosim.contracts import Community, Controller
from recosim.controllers.isolated import LONGER_TO_BEGIN, IsolatedController
from recosim.controllers.options import option_names, takes_any_option
from recosim.controllers.registry import find_controller, make_controller
from recosim.errors import ControllerError, RecosimError
from recosim.scenarios.controller_check.replay import (
    begun,
    different,
    resumed,
    seed_globals,
    without_readings,
)
from recosim.scenarios.controller_check.scenes import Scene, run_scene, scenes_of
from recosim.scenarios.controller_check.watch import (
    KINDS,
    LOCAL,
    Decision,
    Finding,
    Findings,
    WatchedController,
    last_line,
)
from recosim.scenarios.schema.scenario import Scenario

ALLOWANCE_FIRST_S = 40.0
"""Deciding may take so long on the first day; a quarter of it on each other, and in each replay."""
TIME_BUDGET_MS = 1000.0
"""Judged by where the scenario has no budget: a year of 35,040 decisions then takes ten hours."""
N_ISOLATED = 12
N_REPLAYS = 4

Verdict = Literal["ok", "warning", "failed"]
Tell = Callable[[str, Verdict, str], None]


class Calling(Protocol):
    """Told before the controller is called: where, how many times the limit it may take, and the progress."""

    def __call__(self, where: str, times: float, done: int, total: int) -> None:
        """Take note."""
        ...


class Course:
    """Everything that is tried with a controller.

    Parameters
    ----------
    spec : str
    scenario : Scenario
    tell : callable
        Given name, verdict and text of each check.
    calling : Calling
    scenes : sequence of Scene, optional
        The days; left out: `scenes_of` the scenario.
    """

    def __init__(
        self,
        spec: str,
        scenario: Scenario,
        tell: Tell,
        calling: Calling,
        scenes: Sequence[Scene] | None = None,
    ) -> None:
        self._spec, self._scenario, self._tell, self._calling = spec, scenario, tell, calling
        self._options = scenario.controller.options
        self._findings = Findings()
        self._scenes = list(scenes_of(scenario) if scenes is None else scenes)
        self._done, self._total = 0, len(self._scenes) + N_REPLAYS

    def run(self) -> None:
        """Run all of it.

        Raises
        ------
        RecosimError
            The controller cannot be loaded, or the scenario not be built.
        """
        self._beat("while it was loaded", LONGER_TO_BEGIN)
        made_of = find_controller(self._spec, trusted=True)
        made = self._make()
        self._check_loading(made_of)
        with TemporaryDirectory(prefix="recosim-check-") as folder:
            first = self._run_scenes(made, Path(folder))
        self._check_findings()
        if first is None:
            return
        plant, decisions = first
        if decisions:
            self._check_repeatability(plant, decisions, made)
            self._check_readings(plant, decisions)
            self._check_state(plant, decisions, made)
            self._check_isolated(plant, decisions)
        self._check_time()

    def _make(self) -> Controller:
        return make_controller(self._spec, self._options, trusted=True)

    def _beat(self, where: str, times: float = 2.0) -> None:
        self._calling(where, times, self._done, self._total)

    def _check_loading(self, made_of: Any) -> None:
        names = option_names(made_of)
        options = f"options: {', '.join(names)}" if names else "no options"
        text = f"{made_of.__module__.removeprefix('recosim_user_')}:{made_of.__qualname__}, {options}"
        if takes_any_option(made_of):
            self._tell("loading", "warning", f"{text}; it takes any option, so a mistyped one goes unnoticed")
        else:
            self._tell("loading", "ok", text)

    def _run_scenes(self, made: Controller, folder: Path) -> tuple[Community, list[Decision]] | None:
        """Run every day with a controller of its own; returns the first, to be looked at again."""
        first: tuple[Community, list[Decision]] | None = None
        ran: list[Scene] = []
        broken: list[str] = []
        refused: dict[str, list[str]] = {}
        self._step_ms, self._reset_ms = np.nan, 0.0
        for scene in self._scenes:
            allowance_s = ALLOWANCE_FIRST_S / (1.0 if scene is self._scenes[0] else 4.0)
            controller = made if scene is self._scenes[0] else self._make()
            watched = WatchedController(controller, self._findings, scene.name, self._called, allowance_s)
            self._beat(scene.name, 0.0)
            try:
                run = run_scene(scene, watched, getattr(controller, "horizon_steps", 0), folder)
            except RecosimError as error:
                if watched.refusal:
                    refused.setdefault(watched.refusal, []).append(scene.name)
                else:
                    why = "not run, reset failed" if watched.reset_failed else error
                    broken.append(f"{scene.name}: {why}")
            else:
                ran.append(scene)
                if first is None:
                    first = run.plant.community, watched.decisions
                    self._step_ms = (run.wall_s * 1e3 - sum(self._findings.wall_ms)) / run.n_steps
                if run.balance_residual_kwh > 1e-6:
                    broken.append(f"{scene.name}: energy balance open by {run.balance_residual_kwh:.1e} kWh")
            self._reset_ms = max(self._reset_ms, watched.reset_ms)
            self._done += 1
        self._tell_days(ran, broken, refused)
        return first

    def _tell_days(self, ran: Sequence[Scene], broken: list[str], refused: Mapping[str, list[str]]) -> None:
        """What was run, what could not be, and what the controller says it is not made for."""
        seasons = ", ".join(dict.fromkeys(scene.season for scene in ran)) or "none"
        text = "; ".join(broken) or f"{seasons}: {self._findings.n_decisions} decisions"
        self._tell("days", "ok" if ran and not broken else "failed", text)
        sizes = "; ".join(dict.fromkeys(scene.size for scene in ran)) or "none"
        if refused:
            told = "; ".join(
                f"{why} ({scenes[0]}{f', and {len(scenes) - 1} more' if len(scenes) > 1 else ''})"
                for why, scenes in refused.items()
            )
            cure = "" if ran else "; give a community that it is for with --scenario"
            self._tell("communities", "warning" if ran else "failed", f"{sizes}; refused: {told}{cure}")
        else:
            self._tell("communities", "ok" if ran else "failed", sizes)

    def _called(self, where: str) -> None:
        self._beat(where, LONGER_TO_BEGIN if where.endswith("in reset") else 1.0)

    def _check_findings(self) -> None:
        findings = self._findings
        for name, fine, kinds, cure in KINDS:
            found = [findings.by_kind[kind] for kind in kinds if kind in findings.by_kind]
            if found:
                told = "; ".join(self._told(one) for one in found)
                self._tell(name, "failed", f"{told}: {cure}")
            elif not self._findings.n_decisions:
                continue  # nothing was tried
            elif name == "NaN and infinity":
                self._check_nan()
            else:
                self._tell(name, "ok", fine)

    def _told(self, finding: Finding) -> str:
        often = f", {finding.count} times" if finding.where.endswith("in reset") else ""
        often = often or f", {finding.count} of {self._findings.n_decisions} decisions"
        return f"{finding.text} ({finding.where}{often if finding.count > 1 else ''})"

    def _check_nan(self) -> None:
        given, as_nan = self._findings.given, self._findings.given_as_nan
        kinds = self._findings.kinds
        steered = {kinds[name] for name, n in given.items() if as_nan[name] < n}
        never = [name for name, n in given.items() if n and kinds[name] not in steered]
        some = [f"{name} {as_nan[name]} of {n}" for name, n in given.items() if as_nan[name]]
        if never and not self._findings.n_left_out:
            text = (
                f"{', '.join(never)}: NaN for every device in every decision, so nothing is controlled; "
                "leave it out, or look for a division by zero"
            )
            self._tell("NaN and infinity", "warning", text)
        elif some:
            text = f"left to the devices' own rules by NaN: {', '.join(some)} values"
            self._tell("NaN and infinity", "ok", text)
        else:
            self._tell("NaN and infinity", "ok", "none")

    def _check_repeatability(self, community: Community, decisions: list[Decision], made: Controller) -> None:
        """The same day again: by the same object after reset, and by a new one beside it."""
        seed = self._scenario.seed
        self._beat("the first day again", 2.0 * LONGER_TO_BEGIN)
        self._done += 1
        try:
            seed_globals(20)
            made.reset(community, seed)
            controllers = [made, begun(self._make, community, seed)]
            seed_globals(21)
            found = different(community, decisions, controllers, ALLOWANCE_FIRST_S / 4.0, self._beat)
        except Exception as error:  # noqa: BLE001  it is what is looked for
            self._tell("repeatability", "failed", f"reset failed the second time: {last_line(error)}")
            return
        if found is None:
            text = (
                "the first day again after reset, and by a second controller beside it: the same to the bit"
            )
            self._tell("repeatability", "ok", text)
            return
        who = ("the same controller after reset", "a second controller of the same seed")[found[0]]
        cure = "draw from a generator made in reset with its seed, and forget everything else in reset"
        self._tell("repeatability", "failed", f"{who} decides otherwise: {found[1]}; {cure}")

    def _check_readings(self, community: Community, decisions: list[Decision]) -> None:
        self._beat("without readings", 2.0 * LONGER_TO_BEGIN)
        self._done += 1
        try:
            controller = begun(self._make, community, self._scenario.seed)
            failed, failed_nan = without_readings(community, decisions, controller)
        except Exception as error:  # noqa: BLE001  it is what is looked for
            failed, failed_nan = last_line(error), ""
        if failed:
            text = (
                f"fails where observation.missing marks a device: {failed}; its value is the last one known"
            )
            self._tell("missing readings", "failed", text)
        elif failed_nan:
            text = f"fails when every state is NaN, which no run shows: {failed_nan}; {LOCAL}"
            self._tell("missing readings", "warning", text)
        else:
            self._tell("missing readings", "ok", "six hours with the last values, and one step of NaN")

    def _check_state(self, community: Community, decisions: list[Decision], made: Controller) -> None:
        self._done += 1
        has = [callable(getattr(made, name, None)) for name in ("get_state", "set_state")]
        if not any(has):
            self._tell("state", "ok", "no get_state and set_state; they are needed only to go on with a run")
            return
        if not all(has):
            missing = "get_state" if not has[0] else "set_state"
            self._tell("state", "failed", f"{missing} is missing; give both or neither")
            return
        self._beat("going on from its state", 2.0 * LONGER_TO_BEGIN)
        try:
            found = resumed(
                self._make, community, self._scenario.seed, decisions, ALLOWANCE_FIRST_S / 4.0, self._beat
            )
        except Exception as error:  # noqa: BLE001  it is what is looked for
            found = last_line(error)
        text = "a second controller goes on from get_state with the same decisions"
        self._tell("state", "failed" if found else "ok", found or text)

    def _check_isolated(self, community: Community, decisions: list[Decision]) -> None:
        self._beat("in a process of its own", 4.0 * LONGER_TO_BEGIN)
        self._done += 1
        kill_after_s = self._scenario.controller.kill_after_s
        try:
            controller = IsolatedController(
                self._spec, self._options, trusted=True, kill_after_s=kill_after_s
            )
            try:
                controller.reset(community, self._scenario.seed)
                found = different(community, decisions[:N_ISOLATED], [controller], kill_after_s, self._beat)
            finally:
                controller.close()
        except ControllerError as error:
            found = (0, str(error))
        if found is None:
            self._tell(
                "own process",
                "ok",
                f"{min(N_ISOLATED, len(decisions))} decisions with --isolate are the same",
            )
        else:
            self._tell("own process", "failed", f"with --isolate it decides otherwise: {found[1]}")

    def _check_time(self) -> None:
        findings, budget = self._findings, self._scenario.controller.time_budget_ms
        if not findings.wall_ms:
            return
        wall, longest = np.array(findings.wall_ms), int(np.argmax(findings.wall_ms))
        limit = TIME_BUDGET_MS if budget is None else budget
        took = (
            f"median {np.median(wall):.3g} ms, 95 % within {np.percentile(wall, 95):.3g} ms, longest "
            f"{wall[longest]:.3g} ms ({findings.wheres[longest]}); reset {self._reset_ms:.3g} ms; "
            f"the rest of a step {self._step_ms:.3g} ms"
        )
        if findings.n_left_out:
            took += f"; {findings.n_left_out} decisions were left out for that"
        n_late = int((wall > limit).sum())
        if not n_late:
            self._tell("time", "ok", took)
            return
        bad = budget is not None or np.median(wall) > limit  # a busy machine delays some of any controller
        by = (
            "controller.time_budget_ms"
            if budget is not None
            else "usual limit; set controller.time_budget_ms"
        )
        self._tell(
            "time",
            "failed" if bad else "warning",
            f"{n_late} of {len(wall)} decisions exceed {limit:g} ms ({by}): {took}; with a budget {LOCAL}",
        )
