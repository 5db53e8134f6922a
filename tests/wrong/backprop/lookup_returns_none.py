# BackwardFuncLookup: a missing pair goes unnoticed; named: "Returns None for an unknown pair; the error then appears far from its cause."
# ruff: noqa
from collections import defaultdict


class BackwardFuncLookup:
    def __init__(self):
        self.table = defaultdict(dict)

    def add_back_func(self, forward_fn, arg_position, back_fn):
        self.table[forward_fn][arg_position] = back_fn

    def get_back_func(self, forward_fn, arg_position):
        if arg_position in self.table[forward_fn]:
            return self.table[forward_fn][arg_position]
