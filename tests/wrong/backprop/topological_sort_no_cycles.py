# topological_sort: cycles are not noticed; named: "Passes over cycles instead of refusing them."
# ruff: noqa
def topological_sort(node, get_children):
    seen = set()
    result = []

    def visit(n):
        if n in seen:
            return
        seen.add(n)
        for child in get_children(n):
            visit(child)
        result.append(n)

    visit(node)
    return result
