import nowhere_to_be_found

import numpy as np

MAIN = __name__ == "__main__"


def halve(x):
    return x / 2


def row_sums(matrix):
    print("summing", matrix.shape)
    return matrix.sum(axis=0)


def inverse(x):
    return [][x]


def countdown(n):
    while True:
        pass


def first(items):
    import os

    os._exit(0)


def scaled_sums(matrix, factor):
    return row_sums(matrix) * factor


class Counter:
    def __init__(self):
        raise NotImplementedError("Counter.__init__")

    def add(self, word):
        raise NotImplementedError("Counter.add")


if MAIN:
    OPERATIONS = {}

    def register(name, operation):
        OPERATIONS[name] = operation

    print("not executed")
    while True:
        pass
