"""Tokens for small transformers: no vocabulary is loaded, a text is cut into signs, or into words that are given."""

import re
from collections.abc import Iterable, Sequence

BOS = "<|endoftext|>"  # the token with which every text begins
SIGNS = (BOS, *"\n abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'\"()+-=")


class Tokenizer:
    """Cuts a text into tokens, at each place the longest that fits. A token's number is its place in `tokens`.

    >>> Tokenizer(("a", "b", "ab")).encode("abba")
    [2, 1, 0]
    """

    def __init__(self, tokens: Sequence[str] = SIGNS) -> None:
        self.tokens = tuple(tokens)
        self.ids = {token: number for number, token in enumerate(self.tokens)}
        self.pattern = re.compile("|".join(re.escape(token) for token in sorted(self.tokens, key=len, reverse=True)))
        self.bos_token_id = self.eos_token_id = self.pad_token_id = self.ids.get(BOS, 0)
        self.bos_token = self.eos_token = self.pad_token = self.tokens[self.bos_token_id]
        self.vocab_size = len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """The numbers of the tokens. What is no token is left out."""
        return [self.ids[token] for token in self.pattern.findall(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text."""
        return "".join(self.tokens[int(each)] for each in ids)
