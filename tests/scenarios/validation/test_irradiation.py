import pytest

from recosim.errors import InputDataError
from recosim.scenarios.validation.irradiation import validate
from recosim.scenarios.validation.reference import Request


def test_five_planes_agree_with_energyplus(denver_file):
    report = validate(Request(weather=denver_file))
    assert list(report.figures) == ["horizontal", "north", "east", "south", "west"]
    assert [row.ok for row in report.rows] == [True] * 5
    assert report.figures["south"] == pytest.approx(1370.0, rel=0.02)
    for row in report.rows:
        assert row.high / row.low == pytest.approx(1.02 / 0.98)


def test_without_weather_it_says_so():
    with pytest.raises(InputDataError, match="Denver"):
        validate(Request())
