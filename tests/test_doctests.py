"""Every example in a docstring gives what it says."""

import doctest
import importlib
import pkgutil

import pytest

# the four top folders are installed under recosim, but do not lie in its folder
PACKAGES = ("recosim", *(f"recosim.{name}" for name in ("simulators", "controllers", "scenarios", "results")))
MODULES = sorted(
    {
        found.name
        for package in PACKAGES
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
        if not found.name.endswith("__main__")
    }
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_examples_are_found() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(name) for name in MODULES]
    assert sum(len(test.examples) for module in modules for test in finder.find(module)) > 50
