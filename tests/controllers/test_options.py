"""Options are held against the class's own model, or its signature."""

from typing import Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from recosim.controllers.options import arguments_of, option_names, takes_any_option
from recosim.errors import ControllerError


class Modelled:
    class Options(BaseModel):
        level: float = Field(default=5.0, ge=0.0, lt=10.0)
        mode: Literal["soft", "hard"]
        sizes: list[int] = []

        @model_validator(mode="after")
        def _agrees(self):
            if self.mode == "hard" and self.level == 0.0:
                raise ValueError("hard needs a level above 0")
            return self

    def __init__(self, options):
        self.options = options


class Signed:
    def __init__(
        self, level: float, mode: Literal["soft", "hard"] = "soft", sizes: tuple[int, ...] = (), loose=1
    ): ...


class Unresolved:
    def __init__(self, level: "NoSuchType" = 1): ...  # noqa: F821


class Anything:
    def __init__(self, **options): ...


class Positional:
    def __init__(self, *args): ...


@pytest.mark.parametrize(
    ("made_of", "options", "expected"),
    [
        (Modelled, {}, "controller 'x': option mode is missing; set it with controller.options.mode=VALUE"),
        (Modelled, {"mode": "sfot"}, "option mode = 'sfot', allowed: 'soft' or 'hard'"),
        (Modelled, {"mode": "soft", "level": 12}, "option level = 12, allowed: less than 10"),
        (Modelled, {"mode": "soft", "sizes": [1, "x"]}, "option sizes[1] = 'x', allowed: a whole number"),
        (Modelled, {"mode": "soft", "sizes": "x"}, "option sizes = 'x', allowed: a list"),
        (
            Modelled,
            {"mode": "soft", "lvel": 1},
            "no option 'lvel'; did you mean 'level'? allowed: level, mode",
        ),
        (Modelled, {"mode": "hard", "level": 0}, "hard needs a level above 0"),
        (Signed, {}, "option level is missing"),
        (Signed, {"level": "3"}, "option level = '3', allowed: a number"),
        (Signed, {"level": True}, "option level = True, allowed: a number"),
        (Signed, {"level": None}, "option level = None, allowed: a number"),
        (Signed, {"level": 1, "mode": "x"}, "option mode = 'x', allowed: 'soft' or 'hard'"),
        (Signed, {"level": 1, "sizes": [2.5]}, "option sizes = [2.5], allowed: a whole number"),
        (Signed, {"level": 1, "size": 2}, "no option 'size'; did you mean 'sizes'?"),
        (Positional, {"args": 1}, "has no option 'args', allowed: none"),
    ],
)
def test_what_does_not_fit(made_of, options, expected):
    with pytest.raises(ControllerError) as refused:
        arguments_of(made_of, "x", options)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_is_handed_over_validated():
    made = Modelled(**arguments_of(Modelled, "x", {"mode": "hard", "level": 3}))
    assert (made.options.mode, made.options.level, made.options.sizes) == ("hard", 3.0, [])


def test_fields_of_a_model_may_be_arguments():
    class Fielded:
        Options = Modelled.Options

        def __init__(self, level, mode, sizes): ...

    given = arguments_of(Fielded, "x", {"mode": "soft"})
    assert given == {"level": 5.0, "mode": "soft", "sizes": []}


def test_a_list_fits_a_tuple_and_what_has_no_annotation_fits():
    options = {"level": 1, "sizes": [1, 2], "loose": {"any": "thing"}}
    assert arguments_of(Signed, "x", options) == options


def test_a_script_may_give_any_object():
    level = np.float64(2.0)
    assert arguments_of(Signed, "x", {"level": level, "loose": np.zeros(2)})["level"] is level


def test_annotations_that_cannot_be_read_are_left_to_the_class():
    assert arguments_of(Unresolved, "x", {"level": "high"}) == {"level": "high"}


def test_one_option_under_two_names_is_refused():
    class Aliased:
        class Options(BaseModel):
            model_config = ConfigDict(populate_by_name=True)
            level_kw: float = Field(default=1.0, alias="level")

        def __init__(self, options): ...

    assert arguments_of(Aliased, "x", {"level": 2.0})["options"].level_kw == 2.0
    with pytest.raises(ControllerError, match="options level and level_kw are the same; give one"):
        arguments_of(Aliased, "x", {"level": 2.0, "level_kw": 2.0})


def test_names():
    assert option_names(Modelled) == ("level", "mode", "sizes")
    assert option_names(Signed) == ("level", "mode", "sizes", "loose")
    assert [takes_any_option(kind) for kind in (Modelled, Signed, Anything)] == [False, False, True]
