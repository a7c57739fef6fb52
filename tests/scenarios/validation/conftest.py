from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def denver_file(shared_data: Path) -> Path:
    """ASHRAE 140's weather of Denver; tests that need it skip where it is absent."""
    file = shared_data / "validation" / "USA_CO_Denver.Intl.AP.725650_TMY3.epw"
    if not file.is_file():
        pytest.skip("the Denver weather is not here")
    return file
