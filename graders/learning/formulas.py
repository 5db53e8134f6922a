"""Formulas as the texts of exercises write them, in plain Unicode, as TeX: `V(s') ← Σ_s' T[s, a, s'] V(s')`.

TeX engines of notebooks read Greek letters, arrows and sums as they stand, so little is left to do: names of several
letters are set upright, roots and indices get their braces, and words behind a wide gap are a remark.
"""

import re

_GAP = re.compile(r"\s{3,}")
_FUNCTIONS = ["exp", "log", "ln", "sin", "cos", "tan", "tanh", "max", "min", "arg", "det", "dim", "sup", "inf", "lim"]
_IS_FORMULA = re.compile(r"[=←≤≥≈∼→<>]|[Σ∫√∂∇]")
_IS_CODE = re.compile(
    r"^\s*(?:>>>|\.\.\.|#|@|(?:def|class|for|while|if|import|from|return|with|python)\b)|\w\(\w*=|\"|`"
)
_TOKEN = re.compile(
    r"(?P<root>(?:sqrt|√)\()|(?P<name>[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]{2,})*(?:[A-Za-z0-9]))"
    r"|(?P<index>_(?:[A-Za-z0-9]+'*|\([^()]*\)))|(?P<power>\^(?:[A-Za-z0-9]+|-[A-Za-z0-9]+|\([^()]*\)))"
    r"|(?P<escaped>[#%&$])|(?P<brace>[{}])|(?P<other>.)",
    re.DOTALL,
)


def is_formula(lines: list[str]) -> bool:
    """Whether an indented block of a text is formulas, and no code, table or picture."""
    return (
        bool(lines)
        and not any(_IS_CODE.search(line) for line in lines)
        and sum(bool(_IS_FORMULA.search(line)) for line in lines) == len(lines)
    )


def tex(lines: list[str]) -> str:
    """A block of formulas as one display, line below line."""
    rows = [_row(line) for line in lines]
    return (
        rows[0] if len(rows) == 1 else "\\begin{aligned}" + " \\\\ ".join(f"& {row}" for row in rows) + "\\end{aligned}"
    )


def _row(line: str) -> str:
    """One line: several formulas side by side, or a formula and a remark behind it."""
    first, *rest = _GAP.split(line.strip())
    said = [_tex(first)]
    for part in rest:
        said.append(_tex(part) if _IS_FORMULA.search(part) else f"\\text{{{_plain(part)}}}")
    return " \\qquad ".join(said)


def _plain(words: str) -> str:
    return re.sub(r"([#%&$_{}])", r"\\\1", words)


def _tex(formula: str) -> str:
    pieces: list[str] = []
    roots: list[int] = []  # how many parentheses are open inside each root
    for found in _TOKEN.finditer(formula):
        text = found[0]
        match found.lastgroup:
            case "root":
                pieces.append("\\sqrt{")
                roots.append(0)
            case "name":
                pieces.append(_name(text))
            case "index" | "power":
                inner = text[1:].removeprefix("(").removesuffix(")") if text[1] == "(" else text[1:]
                pieces.append(f"{text[0]}{{{_name(inner) if len(inner) > 2 and inner.isalpha() else inner}}}")
            case "escaped" | "brace":
                pieces.append(f"\\{text}")
            case _ if text == " " and _is_between_words(formula, found.start()):
                pieces.append("\\ ")
            case _:
                pieces.append(_closing(text, roots))
    return "".join(pieces) + "}" * len(roots)


def _is_between_words(formula: str, place: int) -> bool:
    """Whether a space stands between words of a sentence, not around an operator: TeX would leave it out."""
    before, after = formula[:place], formula[place + 1 :]
    word = re.search(r"[a-z]{2,}$", before) or re.match(r"[a-z]{2,}", after)
    return bool(word and re.search(r"[\w)\]]$", before) and re.match(r"\w", after))


def _closing(text: str, roots: list[int]) -> str:
    """A character; the parenthesis that ends a root is its brace."""
    if roots and text == "(":
        roots[-1] += 1
    elif roots and text == ")":
        if not roots[-1]:
            roots.pop()
            return "}"
        roots[-1] -= 1
    return {"·": "\\cdot ", "Σ": "\\sum ", "←": "\\leftarrow ", "…": "\\dots "}.get(text, text)


def _name(text: str) -> str:
    """A name of several letters; one letter and a number, as x1, is a letter with an index."""
    if text in _FUNCTIONS:
        return f"\\{text} "
    if text == "argmax" or text == "argmin":
        return f"\\operatorname{{{text}}} "
    if re.fullmatch(r"[A-Za-z]\d+", text):
        return f"{text[0]}_{{{text[1:]}}}"
    if re.fullmatch(r"d[A-Za-z]", text):  # a differential
        return text
    return "\\mathrm{" + text.replace("_", "\\_") + "}"
