"""Readers of weather files: conventions, and what they refuse."""

import json

import numpy as np
import pytest

from recosim.errors import InputDataError
from recosim.scenarios.weather.files import check_weather, read_weather
from recosim.timegrid import TimeGrid

HOUR_GHI = [0, 0, 0, 0, 0, 0, 90, 260, 420, 550, 640, 670, 640, 550, 420, 260, 90, 0, 0, 0, 0, 0, 0, 0]


def pvgis_lines():
    """Two days of March."""
    lines = [
        "Latitude (decimal degrees): 40.850",
        "Longitude (decimal degrees): 14.270",
        "Elevation (m): 50.0",
        "Irradiance Time Offset (h): 0.1761",
        "time(UTC),T2m,RH,G(h),Gb(n),Gd(h),IR(h),WS10m,WD10m,SP",
    ]
    for day in ("20180305", "20180306"):
        for hour, ghi in enumerate(HOUR_GHI):
            temp = 10 + hour / 10
            lines.append(f"{day}:{hour:02d}00,{temp},80.0,{ghi},{ghi},{ghi / 2},300,2.5,90,101000")
    return [*lines, "", "T2m: 2-m air temperature (degree Celsius)", "PVGIS (c) European Union, 2001-2025"]


@pytest.fixture
def write(tmp_path):
    def write_lines(lines, name="weather.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return write_lines


def refusal(path):
    with pytest.raises(InputDataError) as caught:
        read_weather(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


def test_pvgis_values_are_of_a_moment_of_the_hour_that_begins_at_their_label_in_utc(write):
    weather = read_weather(write(pvgis_lines()), step_s=3600)
    assert (weather.latitude, weather.longitude, weather.altitude_m) == (40.85, 14.27, 50.0)
    assert weather.grid == TimeGrid.from_local_date("2018-03-05", 2, 3600, "UTC")
    ghi = weather.irradiance_global_w_per_m2
    assert ghi.sum() == pytest.approx(2 * sum(HOUR_GHI))
    # Irradiance is taken 11 min after the label: the mean of a morning hour is higher, an evening's lower.
    assert (ghi[6:11] > HOUR_GHI[6:11]).all()
    assert (ghi[12:17] < HOUR_GHI[12:17]).all()
    # Temperature is taken at the label: 10.0 and 10.1 make 10.05 between them.
    assert weather.temp_outdoor_degc[0] == pytest.approx(10.05)
    assert weather.wind_speed_m_per_s[0] == 2.5


def test_an_hourly_file_is_brought_to_15_minutes_with_every_hours_energy(write):
    weather = read_weather(write(pvgis_lines()))
    assert weather.grid.step_s == 900
    hours = weather.irradiance_global_w_per_m2.reshape(-1, 4).mean(axis=1)
    whole = read_weather(weather.source, step_s=3600).irradiance_global_w_per_m2
    assert np.abs(hours - whole).max() < 1e-9


def test_pvgis_json_is_the_same_as_its_csv(write):
    lines = pvgis_lines()
    names = lines[4].split(",")
    records = []
    for line in lines[5:-3]:
        cells = line.split(",")
        records.append(
            {"time(UTC)": cells[0]} | {n: float(c) for n, c in zip(names[1:], cells[1:], strict=True)}
        )
    content = {
        "inputs": {
            "location": {
                "latitude": 40.85,
                "longitude": 14.27,
                "elevation": 50.0,
                "irradiance_time_offset": 0.1761,
            }
        },
        "outputs": {"tmy_hourly": records},
    }
    one, other = read_weather(write(lines)), read_weather(write([json.dumps(content)], "weather.json"))
    assert one.grid == other.grid
    np.testing.assert_array_equal(one.irradiance_direct_w_per_m2, other.irradiance_direct_w_per_m2)
    content["inputs"]["location"]["irradiance_time_offset"] = "soon"
    assert "Irradiance Time Offset (h) needs 1 number(s)" in refusal(
        write([json.dumps(content)], "weather.json")
    )
    del content["outputs"]
    assert "outputs.tmy_hourly" in refusal(write([json.dumps(content)], "weather.json"))


def test_months_of_different_years_become_one_year(write):
    lines = pvgis_lines()
    # The second day moves to another year: still the day after.
    lines = [line.replace("20180306:", "20090306:") for line in lines]
    weather = read_weather(write(lines), step_s=3600)
    assert weather.grid == TimeGrid.from_local_date("2025-03-05", 2, 3600, "UTC")


def epw_lines(zone="1.0", per_hour=1):
    lines = [f"LOCATION,Naples,-,ITA,TMY,0,40.85,14.27,{zone},50.0"]
    lines += ["DESIGN CONDITIONS,0", f"DATA PERIODS,1,{per_hour},Data,Sunday, 1/ 1,12/31"]
    for hour, ghi in enumerate(HOUR_GHI):
        cells = ["0"] * 35
        cells[:5] = ["1995", "3", "5", str(hour + 1), "60"]
        cells[6], cells[13], cells[14], cells[15], cells[21] = (
            f"{hour}",
            f"{ghi}",
            f"{ghi}",
            f"{ghi / 2}",
            "3.0",
        )
        lines.append(",".join(cells))
    return lines


def test_epw_labels_are_ends_of_hours_in_local_standard_time(write):
    weather = read_weather(write(epw_lines(), "naples.epw"), step_s=3600)
    # Hour 1 of 5 March in UTC+1 is 23:00 to 24:00 UTC of 4 March.
    assert f"{weather.grid.utc[0]:%Y-%m-%d %H:%M}" == "1995-03-04 23:00"
    assert f"{weather.grid.local[0]:%Y-%m-%d %H:%M}" == "1995-03-05 00:00"
    assert weather.timezone == "Etc/GMT-1"
    np.testing.assert_array_equal(weather.irradiance_global_w_per_m2, HOUR_GHI)


def test_epw_codes_of_missing_values_are_refused(write):
    lines = epw_lines()
    cells = lines[10].split(",")
    cells[13] = "9999"
    lines[10] = ",".join(cells)
    assert "column Global Horizontal Radiation, row 11" in refusal(write(lines))


def test_a_half_hour_zone_at_an_hours_step_is_refused(write):
    assert "does not lie on a UTC step of 3600 s" in refusal(write(epw_lines("5.5")))


def nsrdb_lines(minutes=(0, 30), columns=("Temperature", "DHI", "DNI", "GHI", "Wind Speed"), zone="0"):
    lines = [
        "Source,Location ID,City,State,Country,Latitude,Longitude,Time Zone,Elevation,Local Time Zone",
        f"NSRDB,1,-,-,-,41.89,12.5,{zone},49,1",
        ",".join(("Year", "Month", "Day", "Hour", "Minute", *columns)),
    ]
    for hour in range(24):
        for minute in minutes:
            ghi = 100.0 + 4 * hour + minute / 15
            values = {
                "Temperature": 10 + hour + minute / 60,
                "Air Temperature": 10 + hour + minute / 60,
                "DHI": 10,
                "DNI": 20,
                "GHI": ghi,
                "Wind Speed": 1,
            }
            row = (2019, 6, 1, hour, minute, *(values[name] for name in columns))
            lines.append(",".join(map(str, row)))
    return lines


def test_nsrdb_labels_on_the_step_begin_it(write):
    weather = read_weather(write(nsrdb_lines()), step_s=1800)
    assert f"{weather.grid.utc[0]:%Y-%m-%d %H:%M}" == "2019-06-01 00:00"
    # 10 degC at 0:00 and 10.5 at 0:30 make 10.25 between them.
    np.testing.assert_allclose(weather.temp_outdoor_degc[:2], [10.25, 10.75])
    assert weather.timezone == "Etc/GMT-1"


def test_nsrdb_labels_at_mid_step_stand_for_their_step(write):
    weather = read_weather(write(nsrdb_lines(minutes=(30,))), step_s=3600)
    assert f"{weather.grid.utc[0]:%Y-%m-%d %H:%M}" == "2019-06-01 00:00"
    np.testing.assert_allclose(weather.temp_outdoor_degc[1:3], [11.5, 12.5])


def test_nsrdb_in_local_time_is_shifted_and_may_lack_the_parts(write):
    columns = ("Air Temperature", "GHI", "Wind Speed")
    weather = read_weather(write(nsrdb_lines(columns=columns, zone="1")), step_s=1800)
    assert f"{weather.grid.utc[0]:%Y-%m-%d %H:%M}" == "2019-05-31 23:00"
    assert weather.irradiance_direct_w_per_m2 is None
    assert weather.irradiance_diffuse_w_per_m2 is None


def changed(lines, row, column, value):
    """The same lines with one cell changed; row as in the file, from 1."""
    cells = lines[row - 1].split(",")
    cells[lines[4].split(",").index(column)] = value
    return [*lines[: row - 1], ",".join(cells), *lines[row:]]


@pytest.mark.parametrize("value", ["", "NaN", "12O", "abc", "inf", "9" * 400])
@pytest.mark.parametrize("column", ["T2m", "G(h)", "WS10m"])
def test_a_typo_or_nan_is_refused_by_column_row_and_time(write, column, value):
    path = write(changed(pvgis_lines(), 16, column, value))
    message = refusal(path)
    assert f"column {column}, row 16 (label 2018-03-05 10:00 UTC)" in message
    assert "no number" in message
    check = check_weather(path)
    assert (check.steps, check.gaps) == (48, 1)
    assert check.problems == (message,)


def test_a_gap_is_reported_by_the_check_and_refused_by_the_reader(write):
    lines = pvgis_lines()
    del lines[15:18]
    path = write(lines)
    message = refusal(path)
    assert "no row for 2018-03-05 10:00 UTC, after row 15 (3 steps missing in all)" in message
    check = check_weather(path)
    assert (check.kind, check.steps, check.step_s, check.gaps) == ("pvgis", 45, 3600, 3)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda lines: lines.insert(16, lines[15]),
            "row 17 (label 2018-03-05 10:00 UTC) has the time of the row",
        ),
        (lambda lines: lines.insert(12, lines.pop(15)), "row 14 (label 2018-03-05 07:00 UTC) is earlier"),
    ],
)
def test_duplicates_and_disorder_are_refused(write, edit, words):
    lines = pvgis_lines()
    edit(lines)
    assert words in refusal(write(lines))


def test_a_time_that_is_none_is_refused(write):
    assert "time column, row 16 is no date and time" in refusal(
        write(changed(pvgis_lines(), 16, "time(UTC)", "20180231:1000"))
    )


def scaled(factor, column):
    lines = pvgis_lines()
    names = lines[4].split(",")
    for row in range(6, len(lines) - 2):
        value = float(lines[row - 1].split(",")[names.index(column)])
        lines = changed(lines, row, column, f"{value * factor}")
    return lines


@pytest.mark.parametrize(
    ("factor", "column", "words"),
    [
        (
            0.001,
            "G(h)",
            "column G(h): the largest of 2 days is 0.67, expected W/m2 with a peak above 5; is the column",
        ),
        (0.001, "Gd(h)", "is the column in kW/m2? Multiply it by 1000"),
        (1000.0, "G(h)", "column G(h), row 12 (label 2018-03-05 06:00 UTC): 90000, allowed [0, 1600] W/m2"),
        (3.6, "G(h)", "is the column in kJ/m2, J/m2 or mW/m2? Convert it to W/m2"),
        (-1.0, "G(h)", "-90, allowed [0, 1600] W/m2"),
        (28.0, "T2m", "allowed [-60, 60] degC (48 in all); is the column in kelvin"),
    ],
)
def test_a_wrong_unit_is_refused_and_the_right_one_named(write, factor, column, words):
    path = write(scaled(factor, column))
    assert words in refusal(path)
    assert any(words in problem for problem in check_weather(path).problems)


def test_an_epw_row_that_lacks_a_column_is_refused(write):
    lines = epw_lines()
    short = [line.replace(",3.0,", ",", 1) for line in lines]
    assert "row 4 has 34 columns, allowed: 35; a column is missing" in refusal(write(short))
    first_format = [line if i < 3 else ",".join(line.split(",")[:32]) for i, line in enumerate(lines)]
    assert read_weather(write(first_format), step_s=3600).wind_speed_m_per_s[0] == 3.0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("40.85", "140.85", r"latitude = 140.85, allowed [-90, 90] deg"),
        ("14.27", "-214", r"longitude = -214, allowed [-180, 180] deg"),
        ("1.0,50.0", "30,50.0", r"time zone = 30, allowed [-12, 14] h"),
        ("50.0", "50000", r"elevation = 50000, allowed [-430, 9000] m"),
    ],
)
def test_a_place_off_the_earth_is_refused(write, old, new, words):
    lines = epw_lines()
    assert words in refusal(write([lines[0].replace(old, new), *lines[1:]]))


def test_the_check_tells_place_and_period(write):
    epw, pvgis = check_weather(write(epw_lines(), "a.epw")), check_weather(write(pvgis_lines()))
    assert (pvgis.latitude, pvgis.longitude) == (epw.latitude, epw.longitude) == (40.85, 14.27)
    assert (pvgis.start, pvgis.end) == ("2018-03-05 00:00 UTC", "2018-03-07 00:00 UTC")
    assert (epw.start, epw.end) == ("1995-03-04 23:00 UTC", "1995-03-05 23:00 UTC")


def test_a_missing_column_is_refused_by_name(write):
    lines = [line.replace("WS10m", "wind") for line in pvgis_lines()]
    assert "column WS10m is missing; the columns found are time(UTC), T2m" in refusal(write(lines))
    assert "column GHI is missing" in refusal(write(nsrdb_lines(columns=("Temperature", "Wind Speed"))))


def test_other_files_are_refused(write, tmp_path):
    assert "not recognised as weather; allowed: an EPW file" in refusal(write(["a,b", "1,2"]))
    assert "cannot be read" in refusal(tmp_path / "absent.epw")
    assert "DATA PERIODS" in refusal(write(epw_lines()[:2]))
    assert "Latitude (decimal degrees) needs 1 number(s)" in refusal(write(pvgis_lines()[1:]))


def test_rome_of_nsrdb(shared_data):
    path = shared_data / "weather" / "rome_nsrdb_15min_2019.csv"
    check = check_weather(path)
    assert (check.kind, check.steps, check.step_s, check.gaps, check.problems) == ("nsrdb", 35040, 900, 0, ())
    assert check.ghi_kwh_per_m2 == pytest.approx(1477.6, abs=0.1)
    assert check.temp_mean_degc == pytest.approx(17.22, abs=0.01)
    weather = read_weather(path)
    assert weather.irradiation_global_kwh_per_m2 == pytest.approx(check.ghi_kwh_per_m2, abs=0.01)
    assert weather.grid == TimeGrid.from_local_date("2019-01-01", 365, timezone="UTC").part(
        0, 35040
    ).__class__(start=weather.grid.start, step_s=900, n_steps=35040, timezone="Etc/GMT-1")


def test_piedmont_of_pvgis(shared_data):
    path = shared_data / "weather" / "piedmont_pvgis_tmy_45.000_8.000.csv"
    check = check_weather(path)
    assert (check.kind, check.steps, check.step_s, check.gaps, check.problems) == ("pvgis", 8760, 3600, 0, ())
    assert check.ghi_kwh_per_m2 == pytest.approx(1435.9, abs=0.1)
    fine, hours = read_weather(path), read_weather(path, step_s=3600)
    assert fine.grid.n_steps == 35040
    for name in ("global", "direct", "diffuse"):
        means = getattr(fine, f"irradiance_{name}_w_per_m2").reshape(-1, 4).mean(axis=1)
        assert np.abs(means - getattr(hours, f"irradiance_{name}_w_per_m2")).max() < 1e-9
    assert fine.irradiance_global_w_per_m2.max() < 1300.0
    assert fine.irradiance_direct_w_per_m2.max() < 1300.0


def test_denver_of_epw(shared_data):
    path = next((shared_data / "validation").glob("*.epw"))
    weather = read_weather(path, step_s=3600)
    assert check_weather(path).gaps == 0
    assert weather.grid.n_steps == 8760
    assert f"{weather.grid.utc[0]:%m-%d %H:%M}" == "01-01 07:00"
    assert weather.timezone == "Etc/GMT+7"
    assert weather.irradiation_global_kwh_per_m2 == pytest.approx(1670.2, abs=0.1)
    assert weather.temp_outdoor_degc[0] == -18.0
