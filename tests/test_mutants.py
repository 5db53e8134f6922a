"""Mutants: every operator with what it makes of a line, and what all mutants have in common."""

import ast
import warnings
from textwrap import dedent, indent

import pytest

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.mutating.mutants import Mutant, mutants


def of(body: str, operator: str | None = None) -> list[Mutant]:
    """The mutants of a function with this body."""
    found = mutants("def f(x, y, *args):\n" + indent(dedent(body).strip("\n"), "    ") + "\n", ["f"])
    return [mutant for mutant in found if operator in (None, mutant.operator)]


def added(body: str, operator: str) -> list[str]:
    """What stands in the changed line instead, by mutant; lines that go away are shown as nothing."""
    return [" / ".join(part[1:].strip() for part in m.diff.split("\n") if part[0] == "+") for m in of(body, operator)]


OPERATORS = [
    ("arithmetic", "return x + y", ["return x - y"]),
    ("arithmetic", "return x - y", ["return x + y"]),
    ("arithmetic", "return x * y", ["return x / y"]),
    ("arithmetic", "return x / y", ["return x * y"]),
    ("arithmetic", "return x // y", ["return x / y"]),
    ("arithmetic", "return x % y", ["return x // y"]),
    ("arithmetic", "return x ** y", ["return x * y"]),
    ("arithmetic", "return x & y", ["return x | y"]),
    ("arithmetic", "return 'x' + y", []),
    ("arithmetic", "return (x + y) * x", ["return (x + y) / x", "return (x - y) * x"]),
    ("arithmetic", "return x ** y ** x", ["return x * y ** x", "return x ** (y * x)"]),
    ("operands", "return x @ y", ["return y @ x"]),
    ("operands", "return x.T @ (x + y)", ["return (x + y) @ x.T"]),
    ("sign", "return -x", ["return x"]),
    ("sign", "return +x", []),
    ("sign", "return x ** -y", ["return x ** y"]),
    ("sign", "return x[-1]", ["return x[1]"]),
    ("comparison", "return x < y", ["return x <= y"]),
    ("comparison", "return x <= y", ["return x < y"]),
    ("comparison", "return x > y", ["return x >= y"]),
    ("comparison", "return x >= y", ["return x > y"]),
    ("comparison", "return x == y", ["return x != y"]),
    ("comparison", "return x != y", ["return x == y"]),
    ("comparison", "return x is None", ["return x is not None"]),
    ("comparison", "return x is not None", ["return x is None"]),
    ("comparison", "return x in y", ["return x not in y"]),
    ("comparison", "return x not in y", ["return x in y"]),
    ("comparison", "return 0 < x <= y", ["return 0 <= x <= y", "return 0 < x < y"]),
    ("boolean", "return x and y", ["return x or y"]),
    ("boolean", "return x or y", ["return x and y"]),
    ("boolean", "return not x", ["return x"]),
    ("boolean", "return ~x", ["return x"]),
    ("condition", "return x and y", ["return y", "return x"]),
    ("condition", "return x or y or args", ["return y or args", "return x or args", "return x or y"]),
    ("constant", "return 2", ["return 3", "return 1"]),
    ("constant", "return 0", ["return 1"]),
    ("constant", "return x[-1]", ["return x[0]", "return x[-2]"]),
    ("constant", "return 0.5", ["return 1.0", "return 1.5"]),
    ("constant", "return 0.0", ["return 1.0"]),
    ("constant", "return 1e-5", ["return 2e-05", "return 1.00001"]),
    ("constant", "return True", ["return False"]),
    ("constant", "return None, 'text', 1j", []),
    ("argument", "return g(x)", []),
    ("argument", "return g(x, y)", ["return g(y)", "return g(x)"]),
    ("argument", "return g(x, 'π', z=1.50)", ["return g('π', z=1.50)", "return g(x, z=1.50)", "return g(x, 'π')"]),
    ("argument", "return g(z=y)", ["return g()"]),
    ("argument", "return g(x, *args)", ["return g(*args)", "return g(x)"]),
    ("argument", "return x.sum(1)", ["return x.sum()"]),
    ("argument", "return isinstance(x, int)", []),
    ("order", "return g(x, y)", ["return g(y, x)"]),
    ("order", "return g(x, y, 1)", ["return g(y, x, 1)", "return g(x, 1, y)"]),
    ("order", "return g(x, *args)", []),
    ("axis", "return np.sum(x, axis=0)", ["return np.sum(x, axis=-1)", "return np.sum(x, axis=1)"]),
    ("axis", "return x.mean(dim=-1)", ["return x.mean(dim=0)"]),
    ("axis", "return x.argmax(1)", ["return x.argmax(0)"]),
    ("axis", "return torch.softmax(x, -1)", ["return torch.softmax(x, 0)"]),
    ("axis", "return np.stack(x, 2)", ["return np.stack(x, 0)", "return np.stack(x, -1)", "return np.stack(x, 1)"]),
    ("axis", "return max(x, 0), g(x, axis=y)", []),
    ("keepdims", "return x.sum(keepdims=True)", ["return x.sum(keepdims=False)"]),
    ("keepdims", "return x.sum(keepdim=False)", ["return x.sum(keepdim=True)"]),
    ("keepdims", "return x.sum(keepdim=y)", []),
    ("transpose", "return x.T", ["return x"]),
    ("transpose", "return x.mT @ y", ["return x @ y"]),
    ("transpose", "return x.transpose(0, 1)", ["return x"]),
    ("transpose", "return np.swapaxes(x, 0, 1)", ["return x"]),
    ("transpose", "return (x + y).permute(y)", ["return x + y"]),
    ("call", "return np.exp(x)", ["return x"]),
    ("call", "return torch.nn.functional.relu(x + y)", ["return x + y"]),
    ("call", "return x.log()", ["return x"]),
    ("call", "return x.reshape(1, y) + np.tril(y)", ["return x + np.tril(y)", "return x.reshape(1, y) + y"]),
    ("call", "return sorted(x, key=y)", ["return x"]),
    ("call", "return list(reversed(x))", ["return reversed(x)", "return list(x)"]),
    ("call", "return x.detach().clone()", ["return x.detach()", "return x.clone()"]),
    ("call", "return 2 * abs(x - y)", ["return 2 * (x - y)"]),
    ("call", "return np.sqrt(x), x.copy(), x.contiguous()", [
        "return x, x.copy(), x.contiguous()",
        "return np.sqrt(x), x, x.contiguous()",
        "return np.sqrt(x), x.copy(), x",
    ]),
    ("call", "return list(*args)", []),
    ("opposite", "return max(x, y)", ["return min(x, y)"]),
    ("opposite", "return x.sum()", ["return x.mean()"]),
    ("opposite", "return np.maximum(x, y)", ["return np.minimum(x, y)"]),
    ("opposite", "return torch.zeros(x)", ["return torch.ones(x)"]),
    ("opposite", "return x.argmin()", ["return x.argmax()"]),
    ("opposite", "return all(x)", ["return any(x)"]),
    ("opposite", "return sum(x)", []),
    ("filter", "return [z for z in x if z]", ["return [z for z in x]"]),
    ("filter", "return g(z for z in x if z if y)", ["return g(z for z in x if y)", "return g(z for z in x if z)"]),
    ("filter", "return {z: 1 for z in x if z}", ["return {z: 1 for z in x}"]),
    ("slice", "return x[::-1]", ["return x[:]"]),
    ("slice", "return x[1:]", ["return x[:]"]),
    ("slice", "return x[:, :y]", ["return x[:, :]", "return x[:, :y + 1]", "return x[:, :y - 1]"]),
    ("return", "return x, y", ["return y, x"]),
    ("return", "return (x, y, 1)", ["return (y, x, 1)", "return (x, 1, y)"]),
    ("branch", "return x if y else 'z'", ["return x", "return 'z'"]),
    ("branch", "if x:\n    return y", ["if True:"]),
    ("branch", "if x:\n    return y\nelse:\n    return x", ["if True:", "if False:"]),
    ("branch", "if x:\n    y()\nelif y:\n    x()", ["if True:", "if False:", "elif False:", "elif True:"]),
    ("loop", "while x:\n    y()", ["while False:"]),
    ("loop", "while True:\n    y()", []),
    ("loop", "for z in x:\n    y(z)", ["for z in ():"]),
    ("jump", "for z in x:\n    y()\n    break", ["continue"]),
    ("jump", "for z in x:\n    y()\n    continue", ["break"]),
    ("augmented", "x += y\nreturn x", ["x = y", "x -= y"]),
    ("augmented", "x[0] -= y\nreturn x", ["x[0] = y", "x[0] += y"]),
    ("augmented", "x *= y\nreturn x", ["x = y", "x /= y"]),
    ("context", "with torch.no_grad():\n    x()", ["if True:"]),
    ("context", "with a, b():\n    x()", ["if True:"]),
    ("context", "with x as z:\n    z()", []),
    ("statement", "z = x\ny = z\nreturn y", ["", ""]),
    ("statement", "x()\nreturn y", [""]),
    ("statement", "x()", ["pass"]),
    ("statement", "z: int\nz: int = 1\nx += 1\nreturn z", ["", ""]),
    ("statement", "if x:\n    return y\nreturn x", [""]),
    ("statement", "x(); y()", ["pass; y()", "x(); pass"]),
    ("statement", "if x:\n    y()\nelse:\n    x()", ["pass", "pass"]),
    ("statement", "return x", []),
    ("statement", "raise x", ["pass"]),
    ("decorator", "@wraps(x)\ndef g(): pass\nreturn g", [""]),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "body", "expected"), OPERATORS)
def test_operator(operator, body, expected):
    assert added(body, operator) == expected


@pytest.mark.parametrize(("operator", "body", "expected"), OPERATORS)
def test_every_mutant_compiles_and_differs(operator, body, expected):
    source = "def f(x, y, *args):\n" + indent(body, "    ") + "\n"
    seen = {ast.dump(ast.parse(source))}
    for mutant in mutants(source, ["f"]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(mutant.source, "mutant", "exec")
        shape = ast.dump(ast.parse(mutant.source))
        assert shape not in seen
        seen.add(shape)


MODULE = '''\
"""A module with 1 + 1."""

import torch

SIZE = 1 + 1  # not an exercise


def other(x):
    return x + 1


@torch.no_grad()
@jaxtyped(typechecker=None + 1)
def f(x: "1 + 1", n: Literal[3] = 5, *, k=None) -> Literal[1]:
    """One plus one: 1 + 1.

    >>> f(1 + 1)
    """
    "0 is no number"
    size: Literal[4] = x  # ä 1 + 1
    if TYPE_CHECKING:
        size = 7
    if x:
        raise ValueError("x", 1 + 1)
    assert size, g(1, 2)
    return f"{x + 1}", isinstance(x, int | float), cast(Literal[3], "ü")


@dataclass(frozen=True)
class A:
    """Not 1 + 1."""

    size: int = 1 + 1

    def __repr__(self, n=1):  # given
        return n + 1

    @property
    def area(self):
        """Not 1 + 1."""
        return "ßß", self.x * self.y
'''


CHANGED = """\
f decorator 12
-@torch.no_grad()
f constant 14
-def f(x: "1 + 1", n: Literal[3] = 5, *, k=None) -> Literal[1]:
+def f(x: "1 + 1", n: Literal[3] = 6, *, k=None) -> Literal[1]:
f constant 14
-def f(x: "1 + 1", n: Literal[3] = 5, *, k=None) -> Literal[1]:
+def f(x: "1 + 1", n: Literal[3] = 4, *, k=None) -> Literal[1]:
f statement 20
-    size: Literal[4] = x  # ä 1 + 1
f statement 23
-    if x:
-        raise ValueError("x", 1 + 1)
f branch 23
-    if x:
+    if True:
f return 26
-    return f"{x + 1}", isinstance(x, int | float), cast(Literal[3], "ü")
+    return isinstance(x, int | float), f"{x + 1}", cast(Literal[3], "ü")
f return 26
-    return f"{x + 1}", isinstance(x, int | float), cast(Literal[3], "ü")
+    return f"{x + 1}", cast(Literal[3], "ü"), isinstance(x, int | float)
A return 41
-        return "ßß", self.x * self.y
+        return self.x * self.y, "ßß"
A arithmetic 41
-        return "ßß", self.x * self.y
+        return "ßß", self.x / self.y
"""


def test_only_code_of_exercises_is_changed():
    found = mutants(MODULE, ["f", "A"])
    assert "".join(f"{m.exercise} {m.operator} {m.line}\n{m.diff}\n" for m in found) == CHANGED


def test_nothing_else_of_the_file_changes():
    lines = MODULE.split("\n")
    for mutant in mutants(MODULE, ["f", "A"]):
        changed = mutant.source.split("\n")
        gone, new = (sum(line[0] == sign for line in mutant.diff.split("\n")) for sign in "-+")
        assert changed[: mutant.line - 1] == lines[: mutant.line - 1]
        assert changed[mutant.line - 1 + new :] == lines[mutant.line - 1 + gone :]


def test_comments_do_not_matter():
    plain = "return g(\n    x,\n    y,\n) + 1\n"
    remarked = "return g(  # a + b\n    x,  # )\n    # x + y\n    y,\n) + 1  # - 1\n"

    def shapes(body: str) -> list[tuple[str, str]]:
        return [(mutant.operator, ast.dump(ast.parse(mutant.source))) for mutant in of(body)]

    assert shapes(plain) == shapes(remarked)
    assert len(shapes(plain)) == 6


def test_what_spans_lines_keeps_its_text_where_it_can():
    assert added("return g(\n    x + 'a',\n    y,\n)", "arithmetic") == []
    assert added("return g(\n    x + y,\n    'a',\n)", "arithmetic") == ["x - y,"]
    assert added("return (\n    x\n    + y\n)", "arithmetic") == ["x - y"]


def test_mutants_come_in_the_order_of_their_lines_and_always_the_same():
    found = mutants(MODULE, ["f", "A"])
    assert [mutant.line for mutant in found] == sorted(mutant.line for mutant in found)
    assert mutants(MODULE, ["A", "f"]) == found


def test_methods_of_inner_classes_are_changed_and_given_ones_are_not():
    text = "class A:\n    class B:\n        def f(self): return 1\n        def g(self): return 1  # given\n"
    assert [mutant.line for mutant in mutants(text, ["A"])] == [3, 3]


def test_no_exercise_no_mutants():
    assert mutants(MODULE, []) == []
    assert mutants("x = 1 + 1\n", ["x"]) == []


def test_a_last_line_without_a_line_break():
    assert [mutant.source for mutant in mutants("def f(x):\n    return -x", ["f"])] == ["def f(x):\n    return x"]


@pytest.mark.parametrize("section", Course().sections)
def test_the_mutants_of_the_course(section):
    material = find(Course(), section)
    if not (material.grader.exists() and material.reference.exists()):
        pytest.skip("not written yet")
    source = material.reference_source
    found = mutants(source, material.section.exercises)
    assert {mutant.exercise for mutant in found} <= set(material.section.exercises)
    assert len(found) > 100
    assert len({mutant.source for mutant in found}) == len(found)
    for mutant in found:
        assert mutant.source != source
