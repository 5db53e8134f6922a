# %%
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

import numpy as np
import plotly.express as px
import plotly_utils_of_the_course as plotly_utils
from nowhere_tqdm import tqdm

# Make sure exercises are in the path
chapter = "chapter0_somewhere"
section = "part4_small"
root_dir = next(p for p in [Path("/somewhere/else")] if (p / chapter).exists())
exercises_dir = root_dir / chapter / "exercises"
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part4_small.tests as tests
import part4_small.utils
from part4_small.solutions import check_it, halve as their_halve
from plotly_utils import line

MAIN = __name__ == "__main__"
os.environ["ACCELERATE_DISABLE_RICH"] = "1"
np.random.seed(0)
print("loading everything", file=sys.stderr)

# %%


def halve(x):
    # YOUR CODE HERE
    return x / 2


tests.test_halve(halve)
assert halve(1) == "this is not executed"

# %%
def row_sums(matrix: np.ndarray) -> np.ndarray:
    return np.stack([row.sum() for row in matrix])


if MAIN:
    tests.test_row_sums(row_sums)
    px.imshow(np.zeros((2, 2))).show()
    line(range(3), title="Loss")

# %%
@dataclass
class TrainingArgs:
    lr: float = 1e-3
    epochs: int = 10
    device: str = device
    log_dir: Path = Path(".") / "runs"


if MAIN:
    args = TrainingArgs(epochs=3)
    losses = []
    for epoch in tqdm(range(args.epochs)):
        while True:
            losses.append(halve(epoch))

while True:
    time.sleep(60)

for _ in iter(int, 1):
    sys.exit("not executed either")

# %%
if MAIN:

    def inverse(x):
        if x == 0:
            raise ZeroDivisionError("defined in a main block")
        return 1 / x

    tests.test_inverse(inverse)
    input("press return to go on")

# %%
def countdown(n):
    return [] if n <= 0 else [n] + countdown(n - 1)


try:
    from part4_small.solutions import first
except ImportError:

    def first(items):
        return items[0]


with open("results.txt", "w") as file:
    file.write("not executed")

# %%
def scaled_sums(matrix: np.ndarray, factor: float, callback: Optional[Callable] = None) -> np.ndarray:
    sums = factor * row_sums(matrix)
    if callback is not None:
        callback(sums)
    return sums


class Counter:
    def __init__(self):
        self.counts = {}

    def add(self, word):
        if word not in self.counts:
            self.counts[word] = 0
        self.counts[word] += 1


# %%
OPERATIONS = {}


def register(name, operation):
    OPERATIONS[name] = operation


class Register(dict):
    def add(self, name, operation):
        self[name] = operation


registered = Register()
registered.add("halve", halve)
RIGHT = registered["halve"]

# %%
if __name__ == "__main__":

    def final(items):
        return items[len(items) - 1] if RIGHT else None

    fig = px.line(losses)
    fig.show()

# %%
tests.test_final(final)
%timeit halve(3)
