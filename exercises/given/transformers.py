"""What the section `transformer` hands out: the sizes of a model, a tokenizer of characters, and a source of text."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor


@dataclass
class Config:
    """The sizes of a transformer. By default they are those of GPT-2 small."""

    d_model: int = 768  # the width of the residual stream
    debug: bool = False  # whether modules print shapes as they go
    layer_norm_eps: float = 1e-5
    d_vocab: int = 50257  # how many tokens there are
    init_range: float = 0.02  # the standard deviation with which weights start
    n_ctx: int = 1024  # the most tokens that the model can look at
    d_head: int = 64
    d_mlp: int = 3072
    n_heads: int = 12
    n_layers: int = 12


class KVCache(NamedTuple):
    """The keys and values of the positions that one attention layer has seen, (batch, past, n_heads, d_head) each."""

    k: Tensor
    v: Tensor


class Encoded(dict):
    """What a tokenizer returns where it is called: a dict whose entry `input_ids` is an attribute as well."""

    @property
    def input_ids(self) -> Any:
        """The tokens."""
        return self["input_ids"]

    def to(self, device: Any) -> "Encoded":
        """Itself: everything is on the processor."""
        return self


class CharTokenizer:
    """One token for each character of an alphabet, with the methods that tokenizers of Hugging Face have.

    Args:
        alphabet: the characters; token i stands for alphabet[i].
        eos: the one that ends a text. If none does, eos_token_id is -1, which is no token.
    """

    def __init__(self, alphabet: str, eos: str | None = None):
        """Number the characters."""
        self.alphabet = alphabet
        self.vocab_size = len(alphabet)
        self.eos_token = eos or ""
        self.eos_token_id = alphabet.index(eos) if eos else -1

    def __len__(self) -> int:
        """The size of the vocabulary."""
        return self.vocab_size

    def encode(self, text: str, return_tensors: str | None = None) -> Any:
        """The tokens of a text, as a list; with return_tensors="pt" as a tensor of shape (1, seq)."""
        tokens = [self.alphabet.index(character) for character in text]
        return tokens if return_tensors is None else torch.tensor([tokens], dtype=torch.int64)

    def __call__(self, text: str, return_tensors: str | None = None, **_: Any) -> Encoded:
        """The same under the key "input_ids"."""
        return Encoded(input_ids=self.encode(text, return_tensors))

    def decode(self, tokens: Any, **_: Any) -> str:
        """The text of tokens: a number, a list of numbers, or a tensor of any shape."""
        return "".join(self.alphabet[token] for token in torch.as_tensor(tokens).flatten().tolist())


class MarkovSource:
    """A source of text in which each token depends on the two before it, and on nothing else.

    Args:
        d_vocab: how many tokens there are.
        seed: of the table that says which token follows which two, how often.
    """

    def __init__(self, d_vocab: int, seed: int = 0):
        """Draw the table `next`, (d_vocab, d_vocab, d_vocab): next[a, b, c] is the probability of c after a and b."""
        generator = torch.Generator().manual_seed(seed)
        self.d_vocab = d_vocab
        self.next = (2 * torch.randn(d_vocab, d_vocab, d_vocab, generator=generator)).softmax(dim=-1)
        pairs = torch.full((d_vocab, d_vocab), d_vocab**-2.0)
        for _ in range(200):  # until it stays as it is
            pairs = torch.einsum("ab,abc->bc", pairs, self.next)
        self.pairs = pairs  # how often each pair of neighbours occurs, (d_vocab, d_vocab)

    @property
    def entropy_rate(self) -> float:
        """The least loss per token that a model can have on this text, in nats."""
        return torch.einsum("ab,abc->", self.pairs, -self.next * self.next.log()).item()

    def sample(self, batch: int, seq: int, seed: int) -> Tensor:
        """Texts, int64, shape (batch, seq)."""
        generator = torch.Generator().manual_seed(seed)
        pairs = torch.multinomial(self.pairs.flatten(), batch, replacement=True, generator=generator)
        tokens = [pairs // self.d_vocab, pairs % self.d_vocab]
        while len(tokens) < seq:
            probabilities = self.next[tokens[-2], tokens[-1]]  # (batch, d_vocab)
            tokens.append(torch.multinomial(probabilities, 1, generator=generator)[:, 0])
        return torch.stack(tokens[:seq], dim=1)
