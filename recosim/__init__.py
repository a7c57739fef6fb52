"""recosim: co-simulation of renewable energy communities."""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recosim.results.opened import open_run

try:
    __version__ = version("recosim")
except PackageNotFoundError:  # the tree is used without being installed
    __version__ = "0+unknown"

__all__ = ["__version__", "open_run"]


def __getattr__(name: str) -> Any:
    """Import what the package offers at its top when it is asked for, so that importing recosim is quick."""
    if name == "open_run":
        from recosim.results.opened import open_run

        return open_run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Names at the top, those not imported yet among them."""
    return sorted({*globals(), *__all__})
