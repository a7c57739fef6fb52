"""A community as a Gymnasium environment: the same mosaik run, one step at a time.

A mosaik world runs to its end in one call. Each episode therefore runs in a thread of its own, in which the
controller waits for the environment's next action; only one of the two ever works.
"""

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import numpy as np

from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.controllers.agent import LEADS_H, AgentView, Vector
from recosim.errors import ScenarioError
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import RunResult, build_plant, run_plant
from recosim.scenarios.schema.scenario import Scenario
from recosim.scenarios.step_cost import StepCost
from recosim.scenarios.world import Plant, RecosimWorld

try:
    import gymnasium
    from gymnasium.error import ResetNeeded
    from gymnasium.spaces import Box
except ImportError as error:
    raise ImportError("recosim.scenarios.gym_env needs Gymnasium: pip install 'recosim[gym]'") from error

NAME = "gym"
SEED_MAX = 2**31


class _Stop(BaseException):
    """Ends an episode in the middle; no Exception, so that nobody takes it for a controller's mistake."""


class _Episode:
    """One run in a thread, as the controller of which it waits for actions."""

    def __init__(self, scenario: Scenario, plant: Plant, path: Path | None) -> None:
        self._scenario, self._plant, self._path = scenario, plant, path
        self._cost = StepCost(plant)
        self._to_run: SimpleQueue[Setpoints | None] = SimpleQueue()
        self._to_env: SimpleQueue[Any] = SimpleQueue()
        self._world: RecosimWorld
        self.community: Community
        self.last: tuple[Observation, Forecast]
        self.result: RunResult | None = None
        self._thread = Thread(target=self._run, name="recosim episode", daemon=True)
        self._thread.start()

    # in the thread of the run

    def _run(self) -> None:
        try:
            with TemporaryDirectory(prefix="recosim-") as folder:
                path = self._path or Path(folder) / "episode.h5"
                self.result = run_plant(
                    self._scenario,
                    self._plant,
                    self,
                    name=NAME,
                    path=path,
                    force=True,
                    started=self._take,
                )
            last = self._plant.community.grid.n_steps - 1
            stored = float(self.result.kpis["value_stored_change_eur"] or 0.0)
            self._to_env.put(stored - self._cost.eur(last, self._out()))
        except _Stop:
            pass
        except BaseException as error:  # noqa: BLE001  raised again where the user is
            self._to_env.put(error)

    def _take(self, world: RecosimWorld) -> None:
        self._world = world

    def _out(self) -> dict[str, Any]:
        names = ("meter", *self._plant.devices)
        return {name: self._world.simulators[name].out for name in names}

    def reset(self, community: Community, seed: int) -> None:
        """Take the community, as controllers believe it to be."""
        self.community = community

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Hand over what the last step cost, and wait for the action of the next."""
        self.last = observation, forecast
        # when it is asked, meters and devices have finished the last step and not begun the next
        reward = -self._cost.eur(observation.step - 1, self._out()) if observation.step else 0.0
        self._to_env.put(reward)
        asked = self._to_run.get()
        if asked is None:
            raise _Stop
        return asked

    # in the thread of the environment

    def wait(self) -> float:
        """Reward of the step that has ended."""
        answer = self._to_env.get()
        if isinstance(answer, BaseException):
            self._thread.join()
            raise answer
        if self.result is not None:
            self._thread.join()
        return float(answer)

    def go_on(self, asked: Setpoints) -> float:
        """Take a step."""
        self._to_run.put(asked)
        return self.wait()

    def stop(self) -> None:
        """End the run wherever it is."""
        self._to_run.put(None)
        self._thread.join()

    @property
    def at_the_end(self) -> tuple[Observation, Forecast]:
        """States after the last step, beside the last forecast."""
        observation, forecast = self.last
        grid, out = self._plant.community.grid, self._out()
        states = {name: out[devices.kind][name] for name, devices in self._plant.community.states.items()}
        meter = out["meter"]
        ended = replace(
            observation,
            time=grid.end,
            step=grid.n_steps,
            states=states,
            energy_withdrawn_hour_kwh=np.zeros_like(meter["energy_withdrawn_hour_kwh"]),
            energy_injected_hour_kwh=np.zeros_like(meter["energy_injected_hour_kwh"]),
        )
        return ended, forecast


class CommunityEnv(gymnasium.Env[Vector, Vector]):
    """A community that an agent steers, an episode being the scenario's period.

    Observations and actions are vectors, whose entries `observation_names` and `action_names` name; actions
    lie in [-1, 1]. The reward of a step is what it adds to -J, in EUR; the last step also brings the value of
    what is stored. An episode adds up to ``-(objective_eur + unmodelled_eur - fees_eur)`` of its key figures:
    what follows from monthly and yearly rules is not in it.

    Parameters
    ----------
    scenario : str
        A name of the library, or the path of a file.
    overrides : sequence of str
        ``key=value``, as with ``--set``; such as ``period.days=7``.
    actions : sequence of str, optional
        Of `recosim.controllers.agent.ACTIONS`; everything else is left to the devices' own rules.
    leads_h : sequence of float
        Leads of the forecasts in the observation [h].
    starts : sequence of str
        Dates, such as ``2025-01-13``, of which each episode draws its first day; default: the scenario's.
    vary : bool
        Whether a reset without a seed draws new households and errors of forecasts; otherwise they stay those
        of the last seed, or of the scenario, and a reset costs little.
    folder : Path, optional
        Where the result files of finished episodes are kept, ``episode-0.h5`` and so on; default: nowhere.

    Raises
    ------
    ScenarioError, InputDataError, ControllerError
        The scenario or its data are wrong, or an action or a lead is.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(
        self,
        scenario: str = "naples",
        *,
        overrides: Sequence[str] = (),
        actions: Sequence[str] | None = None,
        leads_h: Sequence[float] = LEADS_H,
        starts: Sequence[str] = (),
        vary: bool = False,
        folder: Path | None = None,
    ) -> None:
        self._name, self._overrides = scenario, tuple(overrides)
        self._actions, self._leads_h = actions, leads_h
        self._starts, self._vary = tuple(starts), vary
        self._folder = None if folder is None else Path(folder)
        self._scenario = self._loaded(None, self._starts[0] if self._starts else None)
        self._plant = build_plant(self._scenario)
        self._view = AgentView(self._plant.community, actions, leads_h)
        view = self._view
        self.observation_names, self.action_names = view.observation_names, view.action_names
        self.observation_space = Box(view.observation_low, view.observation_high, dtype=np.float32)
        self.action_space = Box(-1.0, 1.0, (len(self.action_names),), dtype=np.float32)
        self._seed: int | None = None
        self._episode: _Episode | None = None
        self._finalizer: Any = None
        self._n_episodes = 0

    def _loaded(self, seed: int | None, start: str | None) -> Scenario:
        given = {"seed": seed, "period.start": start}
        return load_scenario(
            self._name, [*self._overrides, *(f"{k}={v}" for k, v in given.items() if v is not None)]
        )

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Vector, dict[str, Any]]:
        """Begin an episode.

        Parameters
        ----------
        seed : int, optional
            Of the scenario, households and errors of forecasts included, and of what is drawn afterwards; the
            same seed gives the same episodes again.
        options : mapping, optional
            ``start``: first day of this episode.

        Returns
        -------
        observation : array of float32, shape (n_observation,)
        info : dict
            ``time``: POSIX time [s]; ``seed`` and ``start`` of the episode.
        """
        super().reset(seed=seed)
        self._end_episode()
        self._prepare(seed, dict(options or {}))
        path = None if self._folder is None else self._folder / f"episode-{self._n_episodes}.h5"
        self._n_episodes += 1
        self._episode = episode = _Episode(self._scenario, self._plant, path)
        # an environment that is thrown away without close must not leave its thread waiting
        self._finalizer = weakref.finalize(self, episode.stop)
        episode.wait()
        self._view = AgentView(episode.community, self._actions, self._leads_h)
        return self._view.encode(*episode.last), self._info(episode)

    def _prepare(self, seed: int | None, options: dict[str, Any]) -> None:
        unknown = [name for name in options if name != "start"]
        if unknown:
            raise ValueError(f"options: {unknown[0]!r}, allowed: start")
        start = options.get("start")
        if start is None and self._starts:
            start = self._starts[int(self.np_random.integers(len(self._starts)))]
        if seed is not None:
            self._seed = int(seed)
        elif self._vary:
            self._seed = int(self.np_random.integers(SEED_MAX))
        scenario = self._loaded(self._seed, start)
        if scenario == self._scenario:
            return
        plant = build_plant(scenario)
        view = AgentView(plant.community, self._actions, self._leads_h)
        if (view.observation_names, view.action_names) != (self.observation_names, self.action_names):
            raise ScenarioError(
                f"seed {scenario.seed} gives {self._name} other devices than the environment was made with; "
                "name the dwellings in the scenario instead of drawing them with community.size"
            )
        self._scenario, self._plant = scenario, plant

    def step(self, action: Any) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        """Let the devices do what the action asks for, for one step of the plant.

        Returns
        -------
        observation : array of float32, shape (n_observation,)
        reward : float
            [EUR]
        terminated : bool
            True after the last step: what is stored has been paid, nothing follows.
        truncated : bool
            False.
        info : dict
            As of `reset`; at the end also ``kpis``, and ``file`` where it is kept.

        Raises
        ------
        ResetNeeded
            No episode is under way.
        ControllerError
            The action has another shape, or leaves [-1, 1].
        """
        episode = self._episode
        if episode is None or episode.result is not None:
            raise ResetNeeded("call reset() before step(): no episode is under way")
        asked = self._view.decode(action)
        try:
            reward = episode.go_on(asked)
        except BaseException:  # Ctrl-C too: nobody would know which step the next answer belongs to
            self._end_episode()
            raise
        info = self._info(episode)
        if episode.result is None:
            return self._view.encode(*episode.last), reward, False, False, info
        return self._view.encode(*episode.at_the_end), reward, True, False, info

    def _info(self, episode: _Episode) -> dict[str, Any]:
        grid, result = self._plant.community.grid, episode.result
        info: dict[str, Any] = {
            "time": episode.last[0].time if result is None else grid.end,
            "seed": self._scenario.seed,
            "start": self._scenario.period.date_start.isoformat(),
        }
        if result is not None:
            info["kpis"] = dict(result.kpis)
            if self._folder is not None:
                info["file"] = str(result.path)
        return info

    def _end_episode(self) -> None:
        if self._finalizer is not None:
            self._finalizer()  # once only, however often it is called
        self._episode = self._finalizer = None

    def close(self) -> None:
        """End the episode; a new one may be begun."""
        self._end_episode()
        super().close()
