"""Transformers without training: every weight is set by hand, so what each head does is known from the start.

Try your tools on them first. What a tool finds here can be compared with the paragraphs below.

The residual stream is cut into blocks. One says which token it is, one at which position, each with a single 1; the
others are empty at first, and heads write to them. A head's weights say from which blocks its queries, keys and values
read, and to which block it writes. All other weights are 0, and there is no LayerNorm.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from exercises.given.hooked import HookedTransformer, HookedTransformerConfig
from exercises.given.tokens import BOS, Tokenizer

SURE = 40.0  # how much higher a score is where a head is to look: softmax leaves nothing to the others
LOUD = 10.0  # the logit of the token that the last head has copied


def blank(tokens: Sequence[str], n_ctx: int, n_layers: int, spare: int) -> tuple[HookedTransformer, list[slice]]:
    """A model of two heads a layer that does nothing yet, and its blocks: token, position, `spare` ones, next token.

    The last spare block is where predictions are written: the unembedding reads it.
    """
    words = len(tokens)
    d_model, d_head = (1 + spare) * words + n_ctx, words + n_ctx + 1
    cfg = HookedTransformerConfig(
        n_layers, d_model, n_ctx, d_head, n_heads=2, d_vocab=words, attn_only=True, normalization_type=None
    )
    model = HookedTransformer(cfg, Tokenizer(tokens)).requires_grad_(False)
    for weight in model.parameters():
        weight.zero_()
    starts = [0, words, *(words + n_ctx + i * words for i in range(spare + 1))]
    blocks = [slice(start, end) for start, end in itertools.pairwise(starts)]
    model.W_E[:, blocks[0]] = torch.eye(words)
    model.W_pos[:, blocks[1]] = torch.eye(n_ctx)
    model.W_U[blocks[-1]] = LOUD * torch.eye(words)
    return model, blocks


@dataclass
class Head:
    """One head of a model by hand: its weights, scaled so that a match of query and key is worth SURE."""

    model: HookedTransformer
    layer: int
    head: int
    sure: float = field(init=False)

    def __post_init__(self) -> None:
        self.weights = self.model.blocks[self.layer].attn
        self.sure = SURE * self.model.cfg.attn_scale

    def look(self, query: slice | list[int], key: slice | list[int], weight: float = 1.0, at: int = 0) -> None:
        """Score `weight` where what the query has in one block is what the key has in the other.

        `at`: from which dimension of the head on this is done; different matches must not share any.
        """
        size = len(range(10**6)[query] if isinstance(query, slice) else query)
        dims = slice(at, at + size)
        self.weights.W_Q[self.head, query, dims] = weight * self.sure * torch.eye(size)
        self.weights.W_K[self.head, key, dims] = torch.eye(size)

    def rest(self, key: int, weight: float = 0.5) -> None:
        """Score `weight` for one token or position, whatever the query: there the head looks if there is no match."""
        self.weights.b_Q[self.head, -1] = weight * self.sure
        self.weights.W_K[self.head, key, -1] = 1.0

    def copy(self, source: slice, target: slice) -> None:
        """Read a block where the head looks, and write it to another one; the token BOS is not copied."""
        size = target.stop - target.start
        self.weights.W_V[self.head, source, :size] = torch.eye(size)
        self.weights.W_V[self.head, source.start] = 0.0
        self.weights.W_O[self.head, :size, target] = torch.eye(size)


def induction_model(words: int = 10, n_ctx: int = 31) -> HookedTransformer:
    """Two layers that continue what they have seen before: after A B … A they say B.

    Head 0.1 is a previous-token head. Its W_Q reads the position, its W_K the position too, as the one that follows: so
    query and key match where the key is one to the left. W_V reads the token there, and W_O writes it to the spare
    block "token before". Head 1.0 is an induction head. Its W_Q reads the token, its W_K the block "token before": they
    match where the token before was the one that is here now. That is K-composition: its keys see what head 0.1 wrote.
    Its W_V reads the token at that place, and W_O copies it to the block that is unembedded. Where nothing matches,
    b_Q has it look at the first token, which says nothing. Heads 0.0 and 1.1 are empty: they look everywhere and write
    nothing. The first token of a text must be 0.
    """
    tokens = (BOS, *(chr(ord("a") + i) for i in range(words - 1)))
    model, (token, position, before, following) = blank(tokens, n_ctx, n_layers=2, spare=2)
    previous = Head(model, 0, 1)
    previous.look(slice(position.start + 1, position.stop), slice(position.start, position.stop - 1))
    previous.copy(token, before)
    induction = Head(model, 1, 0)
    induction.look(slice(1, token.stop), slice(before.start + 1, before.stop))
    induction.rest(token.start)
    induction.copy(token, following)
    return model


NAMES = ("Ann", "Bob", "Cy", "Dan", "Eve")
FILLERS = (" and ", " went. ", " gave it to ")


def ioi_model() -> HookedTransformer:
    """Three layers that name who was given something: "Ann and Bob went. Ann gave it to " they continue with Bob.

    It is the task of indirect object identification: of two names, the one that is not repeated (IO) is right, and not
    the subject (S), which stands there twice. The circuit is a miniature of that in Wang et al. (2022).

    Head 0.1 is a duplicate-token head. Its W_Q and W_K read names: they match where the same name stands. Both read the
    position too, with a negative weight, so that it does not look at itself. Where the name has been before, W_V and
    W_O write it to the block "repeated"; otherwise b_Q has it look at the first token. Head 1.0 is an S-inhibition
    head. Its W_Q reads whether the token is " gave it to ", its W_K whether there is something in "repeated"; W_V and
    W_O move what it is to the block "not this one". Head 2.1 is a name mover. Its W_Q reads " gave it to ", its W_K
    whether it is a name; but W_Q also reads "not this one", with a negative weight, and W_K the name, so that it looks
    at the other one. W_V and W_O copy the name there to the block that is unembedded. The other heads are empty.
    """
    model, (token, position, repeated, banned, following) = blank((BOS, *NAMES, *FILLERS), 10, n_layers=3, spare=3)
    names, last = slice(1, 1 + len(NAMES)), model.cfg.d_vocab - 1  # of the block `token`, which is the first
    count = len(NAMES)

    def within(block: slice) -> slice:
        return slice(block.start + names.start, block.start + names.stop)

    duplicate = Head(model, 0, 1)
    duplicate.look(names, names)
    duplicate.look(position, position, -1.0, at=count)
    duplicate.rest(token.start)
    duplicate.copy(token, repeated)
    inhibition = Head(model, 1, 0)
    inhibition.look([last], [repeated.start + 1])
    inhibition.weights.W_K[0, within(repeated), 0] = 1.0
    inhibition.rest(token.start)
    inhibition.copy(repeated, banned)
    mover = Head(model, 2, 1)
    mover.look([last], [1])
    mover.weights.W_K[1, names, 0] = 1.0
    mover.look(within(banned), names, -0.25, at=1)
    mover.rest(token.start)
    mover.copy(token, following)
    return model


class IOIDataset:
    """Sentences for `ioi_model`, with names drawn by a seed.

    Attributes:
        toks: (N, 8), the first of each is BOS.
        io_tokenIDs, s_tokenIDs: the tokens that are right and wrong in each sentence, lists.
        answer_tokens: both, (N, 2), the right one first.
        N, max_len: how many sentences, and of how many tokens.
        word_idx: where in each sentence the words "IO", "S1", "S2" and "end" stand, (N,) each.
        groups: the numbers of the sentences in which the IO comes first, and of those in which S does.
    """

    def __init__(self, N: int = 8, seed: int = 0, abc: bool = False) -> None:
        """With abc=True there are three different names, so that nobody is repeated; io_tokenIDs are still the IO's."""
        chance = torch.Generator().manual_seed(seed)
        picked = torch.stack([torch.randperm(len(NAMES), generator=chance)[:3] for _ in range(N)]) + 1  # (N, 3)
        io, s, other = picked.unbind(1)  # (N,) each
        first = torch.arange(N) % 2 == 0  # whether the IO comes first
        at = len(NAMES) + 1
        rest = [torch.full((N,), at + i) for i in range(len(FILLERS))]
        start = [torch.zeros(N, dtype=torch.long), torch.where(first, io, s), rest[0], torch.where(first, s, io)]
        self.toks: Tensor = torch.stack([*start, rest[1], other if abc else s, rest[2]], dim=1)  # (N, 7)
        self.io_tokenIDs, self.s_tokenIDs = io.tolist(), s.tolist()
        self.answer_tokens = torch.stack([io, s], dim=1)  # (N, 2)
        self.N, self.max_len = self.toks.shape
        early, late = torch.where(first, 1, 3), torch.where(first, 3, 1)
        self.word_idx = {"IO": early, "S1": late, "S2": torch.full((N,), 5), "end": torch.full((N,), 6)}
        self.groups = [torch.arange(N)[first], torch.arange(N)[~first]]
