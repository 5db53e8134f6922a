import ast
def stub(source, exercises):
    tree = ast.parse(source)
    for n in tree.body:
        if getattr(n,"name",None) in exercises:
            fs=[n] if isinstance(n,ast.FunctionDef) else [m for m in n.body if isinstance(m,ast.FunctionDef) and m.name!="__repr__"]
            for f in fs:
                nm = n.name if f is n else f"{n.name}.{f.name}"
                f.body=[*( [f.body[0]] if ast.get_docstring(f) else []), ast.parse(f'raise NotImplementedError("{nm}")').body[0]]
    return ast.unparse(tree)
def unattempted(sub, ref, ex):
    d={n.name: ast.dump(n) for n in ref.body if hasattr(n,"name")}
    return {n.name for n in sub.body if n.name in ex and "NotImplementedError" in ast.dump(n)}
