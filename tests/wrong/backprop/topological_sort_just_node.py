# topological_sort: nothing but the start is listed; not named
# ruff: noqa
def topological_sort(node, get_children):
    return [node]
