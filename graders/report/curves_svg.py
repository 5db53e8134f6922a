"""The curves of a closing experiment as an SVG picture that needs nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby

from graders.report.checkpoint_words import figure
from graders.report.words import one_line

_WIDTH, _HEIGHT, _MARGIN = 640, 220, 8
_STYLES = 4  # kinds of lines, which the style sheet tells apart by dashes too

Curve = Sequence[float | None]


def curves_svg(curves: Mapping[str, Curve]) -> str:
    """A figure with all curves over the same axes; nothing where none has two points."""
    drawn = {name: values for name, values in curves.items() if sum(value is not None for value in values) > 1}
    if not drawn:
        return ""
    known = [value for values in drawn.values() for value in values if value is not None]
    low, high = min(known), max(known)
    steps = max(map(len, drawn.values()))
    lines = "".join(
        f'<g class="curve curve{place % _STYLES}">{_line(values, low, high, steps)}</g>'
        for place, values in enumerate(drawn.values())
    )
    said = "; ".join(f"{one_line(name)} {_ends(values)}" for name, values in drawn.items())
    keys = "".join(
        f'<li><svg class="key" viewBox="0 0 30 8" aria-hidden="true"><g class="curve curve{place % _STYLES}">'
        f'<polyline points="0,4 30,4"/></g></svg> {escape(one_line(name))} {_ends(values)}</li>'
        for place, (name, values) in enumerate(drawn.items())
    )
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(said)}">'
        f'<text x="{_MARGIN}" y="16">{figure(high)}</text><text x="{_MARGIN}" y="{_HEIGHT - 6}">{figure(low)}</text>'
        f'{lines}</svg><figcaption><ul class="keys">{keys}</ul></figcaption></figure>'
    )


def _line(values: Curve, low: float, high: float, steps: int) -> str:
    """The curve, in pieces where a value between is not a number."""
    span = (high - low) or 1.0
    pieces = []
    for known, points in groupby(enumerate(values), lambda point: point[1] is not None):
        if known:
            places = [
                f"{_MARGIN + (_WIDTH - 2 * _MARGIN) * step / max(steps - 1, 1):.1f},"
                f"{_HEIGHT - 24 - (_HEIGHT - 48) * ((value or 0.0) - low) / span:.1f}"
                for step, value in points
            ]
            pieces.append(f'<polyline points="{" ".join(places)}"/>')
    return "".join(pieces)


def _ends(values: Curve) -> str:
    return f"from {figure(values[0])} to {figure(values[-1])} in {len(values)} steps"
