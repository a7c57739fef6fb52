"""The errors a user can meet.

Each message says what, where, which value, what is allowed and what to do. The command line prints it as
one line and ends with ``exit_code``.
"""


class RecosimError(Exception):
    """Base of every error that recosim raises on purpose."""

    exit_code = 2


class ScenarioError(RecosimError):
    """The user's scenario file or an override of it is wrong."""


class InputDataError(RecosimError):
    """A series that enters a run is wrong: the message names file, column and time."""


class ControllerError(RecosimError):
    """A controller cannot be loaded, or broke its contract."""


class SolverError(RecosimError):
    """The optimisation model cannot be built, compiled or solved."""


class ResultsError(RecosimError):
    """A result file cannot be written, read or compared."""


class ForeignError(RecosimError):
    """A foreign simulator cannot be started, ended, did not answer, or answered what it must not."""


class BenchError(RecosimError):
    """A bench cannot be set up or carried on: its folder, its controllers, or the Dask cluster it runs on."""
