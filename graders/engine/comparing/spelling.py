"""Words of strangers, such as the name of a class, within our sentences and descriptions: on one line."""


def spelled(words: str) -> str:
    """The words with what cannot be printed spelled as in Python: `\\n`, `\\x1b`."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in words)
