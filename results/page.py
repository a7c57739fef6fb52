"""What all HTML pages share: they need nothing else, as style, data and plotly are in them."""

import json
from importlib.resources import files
from typing import Any, TypeAlias

Plot: TypeAlias = dict[str, Any]
"""``id``, ``title``, ``caption``, ``alt`` (what it shows, in words) and ``figure``, for plotly."""
PLOT_HEIGHT = 420


def render(template: str, **values: Any) -> str:
    """Fill in a page of ``templates/``, which may include others of them."""
    from jinja2 import Environment, FunctionLoader

    folder = files("recosim.results").joinpath("templates")
    environment = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
    )
    return environment.get_template(template).render(**values)


def plotly_script() -> str:
    """The library that draws, as JavaScript."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def as_script(data: Any) -> str:
    """Data as JSON that cannot end the script it stands in."""
    text = json.dumps(data, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def literal(text: str) -> str:
    """Keep what somebody called something from being read as a drawing's markup.

    Examples
    --------
    >>> literal("flat <b>1</b> & 2")
    'flat &lt;b>1&lt;/b> &amp; 2'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;")


def figure(traces: list[dict[str, Any]], x: str, y: str) -> dict[str, Any]:
    """Traces with axes, legend and margins; colours are added where it is drawn, by ``meta.colour``."""
    return {
        "data": traces,
        "layout": {
            "xaxis": {"title": {"text": x}, "automargin": True, "zeroline": False},
            "yaxis": {"title": {"text": y}, "automargin": True, "zeroline": True},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
            "height": PLOT_HEIGHT,
        },
    }


def bars(name: str, x: list[str], y: list[float], colour: int, unit: str) -> dict[str, Any]:
    """One row of bars, coloured by its place."""
    return {
        "type": "bar",
        "name": name,
        "x": x,
        "y": y,
        "hovertemplate": f"%{{y:,.2f}} {unit}",
        "meta": {"colour": colour},
    }


def by_month(laid_out: dict[str, Any], n_months: int) -> None:
    """Stack a figure's bars by month, none wider than one of four."""
    gap = max(0.2, 1.0 - 0.2 * n_months)
    laid_out["layout"].update(barmode="relative", hovermode="x unified", bargap=gap)
    laid_out["layout"]["xaxis"].update(type="category")
