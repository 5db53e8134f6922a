"""Curves and pictures of an experiment: as text for the terminal, and as a PNG or SVG file."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from graders.report.words import one_line

_HEIGHT, _NARROWEST, _WIDEST = 9, 8, 64  # characters
_MOST_CURVES = 6  # there are no letters for more; the PNG has them all
_AXIS = 12  # characters at the side of a curve, with the values that it reaches
_PLAIN_FRAME = str.maketrans("┌┐└┘─│", "++++-|")
_LARGEST = 1e12  # of a value that is drawn: what diverged further has left the picture
_SMALLEST = 1e-100  # what is nearer to zero is drawn as zero
# Colours that people with any kind of colour vision tell apart (Okabe and Ito, 2008), and dashes besides.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("-", "--", ":", "-.")
_SHADES = np.array(list(" .:-=+*#%@"))

Curves = Mapping[str, Sequence[float | None]]


def curves_as_text(curves: Curves, width: int, plain: bool) -> list[str]:
    """The curves drawn with characters, `width` of them in a line; `plain` is ASCII alone."""
    from uniplot import plot_to_string

    shown = dict(list(_drawable(curves).items())[:_MOST_CURVES])
    room = min(width - _AXIS, _WIDEST)
    if room < _NARROWEST or not any(len(values) > 1 for values in shown.values()):
        return []
    with np.errstate(all="ignore"):  # of curves that hardly move
        drawn = plot_to_string(
            xs=[np.arange(1, len(values) + 1) for values in shown.values()],
            ys=list(shown.values()),
            width=room,
            height=_HEIGHT,
            lines=True,
            color=False,
            legend_labels=list(shown),
            character_set="ascii" if plain or len(shown) > 1 else "block",  # by which letters tell curves apart
        )
    lines = [line.rstrip() for line in drawn.split("\n")]
    return [line.translate(_PLAIN_FRAME) for line in lines] if plain else lines


def picture_as_text(picture: np.ndarray, width: int) -> list[str]:
    """A picture (height, width) of brightness from 0 to 1, in characters, which are twice as high as wide."""
    columns = max(1, min(width - 4, _WIDEST, max(picture.shape[1], 32)))
    rows = max(1, round(columns * picture.shape[0] / picture.shape[1] / 2))
    across = (np.arange(columns) * picture.shape[1] / columns).astype(int)
    down = (np.arange(rows) * picture.shape[0] / rows).astype(int)
    shades = (picture[np.ix_(down, across)] * (len(_SHADES) - 1)).round().astype(int)  # (rows, columns)
    return ["".join(row).rstrip() for row in _SHADES[shades]]


def write_plot(path: Path, title: str, curves: Curves, picture: np.ndarray | None) -> None:
    """Writes the curves, and the picture beside them where there is one, to a file: PNG or SVG, as its name says.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4 if picture is None else 11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes = figure.subplots(1, 1 if picture is None else 2, squeeze=False)[0]
    shown = _drawable(curves)
    for place, (name, values) in enumerate(shown.items()):
        style = {"color": _COLOURS[place % len(_COLOURS)], "linestyle": _DASHES[place % len(_DASHES)]}
        label = name.replace("$", r"\$")  # it is no formula
        axes[0].plot(np.arange(1, len(values) + 1), values, label=label, **style)
    axes[0].set_xlabel("step")
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    axes[0].grid(alpha=0.3)
    if any(name and not name.startswith("_") for name in shown):  # matplotlib leaves the others out
        axes[0].legend()
    if picture is not None:
        axes[1].imshow(picture, cmap="gray", vmin=0, vmax=1)
        axes[1].set_axis_off()
    with warnings.catch_warnings(action="ignore"):  # of characters that the font does not have
        figure.savefig(path, dpi=120, format=path.suffix[1:])


def _drawable(curves: Curves) -> dict[str, np.ndarray]:
    """The curves with NaN where there is nothing to draw; those that have nothing at all are left out."""
    shown = {one_line(name): np.array([_place(value) for value in values]) for name, values in curves.items()}
    return {name: values for name, values in shown.items() if not np.isnan(values).all()}


def _place(value: float | None) -> float:
    if value is None or abs(value) > _LARGEST:
        return np.nan
    return value if abs(value) > _SMALLEST else 0.0
