"""Markdown of a learner's notes as HTML: formulas as MathML, pictures as data, no markup but ours.

Whatever stands in notes stays text: HTML in them is escaped, and links lead to the web or nowhere.
"""

import base64
from html import escape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from graders.engine.files import read_regular

_PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_KINDS = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "webp": "webp"}  # of pictures, by their endings
_MAX_PICTURE = 4 * 2**20
_DEEPER = 2  # levels that headings go down, below those of the page


def html(text: str, folder: Path) -> str:
    """Notes as HTML.

    Args:
        text: Markdown.
        folder: where pictures of it lie.
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    reader.use(dollarmath_plugin, renderer=_formula, double_inline=True)
    reader.add_render_rule("image", lambda _, tokens, at, options, env: _picture(tokens[at], folder))
    reader.add_render_rule("heading_open", _heading)
    reader.add_render_rule("heading_close", _heading)
    return str(reader.render(text))


def formula(tex: str, *, display: bool) -> str:
    """A formula as MathML; as it was written, where it is none."""
    try:
        return str(convert(tex, display="block" if display else "inline"))
    except Exception:  # whatever a learner has written
        return f"<code>{escape(tex)}</code>"


def _formula(content: str, options: dict[str, Any]) -> str:
    return formula(content.strip(), display=bool(options.get("display_mode")))


def _has_scheme(link: str) -> bool:
    head, colon, _ = link.partition(":")
    return bool(colon) and "/" not in head


def _picture(token: Any, folder: Path) -> str:
    """A picture beside the notes, as data; of any other its words alone."""
    source, words = str(token.attrGet("src") or ""), escape(str(token.content))
    path = (folder / source).resolve()
    kind = _KINDS.get(path.suffix.lower()[1:])
    if kind and not _has_scheme(source) and path.is_relative_to(folder.resolve()):
        try:
            data = read_regular(path, _MAX_PICTURE + 1)
        except (OSError, ValueError):
            data = None
        if data and len(data) <= _MAX_PICTURE:
            return f'<img alt="{words}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'
    return f"<em>[{words or escape(source)}]</em>"


def _heading(_: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    level = min(int(tokens[at].tag[1]) + _DEEPER, 6)
    return f"<h{level}>" if tokens[at].nesting == 1 else f"</h{level}>\n"
