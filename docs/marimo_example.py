"""Two exercises of `backprop` in a marimo notebook: `marimo edit docs/marimo_example.py`.

marimo keeps notebooks as Python files and saves functions at the top level, so this file is an answer as it stands:
`python grade.py backprop --submission docs/marimo_example.py`. The first exercise is solved, the second one wrong.
"""

import marimo

app = marimo.App()

with app.setup:
    from pathlib import Path

    import numpy as np

    from graders.learning.jupyter import checker

    check = checker("backprop", lambda: [Path(__file__).read_text("utf-8")])  # what was saved last is graded


@app.function
def log_back(grad_out, out, x):
    """Backward of out = log(x)."""
    return grad_out / x


@app.function
def unbroadcast(broadcasted, original):
    """Sums down to the shape of original; but not over axes of size one that were stretched."""
    return np.sum(broadcasted, axis=tuple(range(broadcasted.ndim - original.ndim)))


@app.cell
def _():
    solved = check("log_back")
    solved
    return (solved,)


@app.cell
def _():
    wrong = check("unbroadcast")
    wrong
    return (wrong,)


if __name__ == "__main__":
    app.run()
