"""Equations as MathML, made when the site is built: browsers draw it without scripts or fonts."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((?P<latex>.*?)\\\)</span>', re.S)
BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(?P<latex>.*?)\\\]\s*</div>', re.S)


def on_page_content(html: str, **_: Any) -> str:
    """Replace LaTeX by MathML, which keeps the LaTeX as its annotation."""
    text = BLOCK.sub(lambda match: f'<div class="equation">{_mathml(match["latex"], "block")}</div>', html)
    return INLINE.sub(lambda match: _mathml(match["latex"], "inline"), text)


def _mathml(latex: str, display: str) -> str:
    return convert(html.unescape(latex).strip(), display=display)
