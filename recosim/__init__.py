"""recosim: co-simulation of renewable energy communities."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("recosim")
except PackageNotFoundError:  # the tree is used without being installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
