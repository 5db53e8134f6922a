"""The checkpoint of `transformer`: the learner's model learns a language whose entropy is known, and speaks it.

In the language each token follows from the two before it, with probabilities that the worker does not have. The
evidence is what the model says of texts it has not seen: its loss is taken over all tokens that might come next, so
that a model which looks ahead is found out. The text that the learner's sampler draws must be as probable as the
language's own, and with a cache the model has to say what it says without.
"""

import numpy as np
import torch

from exercises.given.transformer_examples import make
from exercises.given.transformers import CharTokenizer, MarkovSource
from graders.engine import Criterion, as_array, checkpoint, edit

SIZES = {
    **{"d_model": 64, "n_heads": 4, "d_head": 16, "d_mlp": 128, "n_layers": 2, "n_ctx": 16, "d_vocab": 6},
    "init_range": 0.1,
}
STEPS, BATCH, RATE, SHOWN_EVERY = 400, 64, 5e-3, 10
UNSEEN, SPOKEN, GREEDY = 64, 1000, 12  # texts, tokens that are drawn, and tokens that are said greedily
LETTERS = "abcdef"


def data(seed):
    """Texts of the language; the probabilities are kept."""
    source = MarkovSource(SIZES["d_vocab"], seed)
    seen = source.sample(STEPS * BATCH, SIZES["n_ctx"] + 1, seed + 1)
    unseen = source.sample(UNSEEN, SIZES["n_ctx"], seed + 2)
    return {"texts": seen, "unseen": unseen}, (source, unseen)


def score(evidence, kept):
    """How near the loss is to the least that can be, how usual the drawn text is, and what a cache changes."""
    source, unseen = kept
    following = source.next[unseen[:, :-1], unseen[:, 1:]].double().numpy()  # what may follow each pair of neighbours
    logits = torch.from_numpy(as_array(evidence, "logits", *unseen.shape, SIZES["d_vocab"]))[:, 1:]
    loss, least = (-(following * each).sum(-1).mean() for each in (logits.log_softmax(-1).numpy(), np.log(following)))
    spoken = torch.from_numpy(as_array(evidence, "spoken", SPOKEN).astype(np.int64))
    surprise = -source.next[spoken[:-2], spoken[1:-1], spoken[2:]].log().mean().item()
    plain, cached = (as_array(evidence, name, UNSEEN, GREEDY, SIZES["d_vocab"]) for name in ("plain", "cached"))
    same = (plain.argmax(-1) == cached.argmax(-1)).mean()
    return [
        Criterion("loss, of the least that is possible", loss / least, at_most=1.05),
        Criterion("surprise at the drawn text, of the language's entropy", surprise / source.entropy_rate, 0.8, 1.2),
        Criterion("greedy tokens that are the same with a cache", same, at_least=0.99),
        Criterion("change of a logit by the cache", np.abs(plain - cached).max(), at_most=1e-2),
    ]


def picture(evidence):
    """The attention patterns of the first layer's heads, side by side: a query each row, a key each column."""
    patterns = np.asarray(evidence["patterns"])  # (head, query, key)
    framed = np.pad(patterns, ((0, 0), (1, 1), (1, 1)), constant_values=0.5)
    return np.concatenate(list(framed), axis=1)


def greedy(model, forward, prompts):
    """What a model says greedily after some prompts: its logits for each new token. `forward` takes the last token."""
    logits, cache = forward(model, prompts, None)
    found = []
    for _ in range(GREEDY):
        found.append(logits[:, -1])
        prompts = torch.cat([prompts, found[-1].argmax(dim=-1, keepdim=True)], dim=1)
        logits, cache = forward(model, prompts if cache is None else prompts[:, -1:], cache)
    return torch.stack(found, dim=1)


def without_cache(model, tokens, cache):
    """As forward_with_cache, but it reads everything anew."""
    return model(tokens), None


def first_patterns(model, tokens):
    """Where the heads of the first layer look."""
    x = model.blocks[0].ln1(model.embed(tokens) + model.pos_embed(tokens))
    attn = model.blocks[0].attn
    q, k = (
        torch.einsum("bsd,hdk->bhsk", x, weight) + bias[:, None]
        for weight, bias in ((attn.W_Q, attn.b_Q), (attn.W_K, attn.b_K))
    )
    scores = q @ k.mT / SIZES["d_head"] ** 0.5
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -torch.inf).softmax(dim=-1)


@checkpoint(data=data, score=score, picture=picture, steps=STEPS // SHOWN_EVERY)
def a_transformer_speaks(solution, texts, unseen):
    """Your transformer of two layers learns a language in which each letter follows from the two before it. Its loss
    must come near the entropy of the language, and the text that your sampler draws must be as usual as the language's
    own. With your cache it has to say greedily what it says without. The picture shows where the first layer looks.
    """
    model = make(solution.DemoTransformer, **SIZES)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    losses = []
    for step, tokens in enumerate(texts.split(BATCH)):
        optimizer.param_groups[0]["lr"] = RATE * min((step + 1) / 30, 1 - step / STEPS)
        logits = torch.nn.functional.pad(model(tokens[:, :-1]), (0, 0, 0, 1))  # what it says last is not looked at
        loss = -solution.get_log_probs(logits, tokens).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % SHOWN_EVERY == SHOWN_EVERY - 1:
            yield "loss", float(np.mean(losses[-SHOWN_EVERY:]))
    sampler = solution.TransformerSampler(model, CharTokenizer(LETTERS))
    text = sampler.sample("ab", max_tokens_generated=SPOKEN)[-SPOKEN:]
    with torch.no_grad():
        prompts = unseen[:, : SIZES["n_ctx"] - GREEDY]
        return {
            "logits": model(unseen),
            "spoken": torch.tensor([LETTERS.index(letter) for letter in text]),
            "plain": greedy(model, without_cache, prompts),
            "cached": greedy(model, solution.forward_with_cache, prompts),
            "patterns": first_patterns(model, unseen[:1])[0],
        }


a_transformer_speaks.mistake(
    "Attention",
    "It looks ahead: what it says of a token it has read there.",
    edit("torch.where(is_later, self.IGNORE, attn_scores)", "attn_scores"),
)
a_transformer_speaks.mistake(
    "PosEmbed",
    "Positions have no vectors, so that it cannot tell the last token from those before.",
    edit("self.W_pos[:seq]", "0 * self.W_pos[:seq]"),
)
a_transformer_speaks.mistake(
    "forward_with_cache",
    "With a cache, positions start at 0 again for each token.",
    edit("W_pos[past : past + tokens.shape[1]]", "W_pos[: tokens.shape[1]]"),
)
a_transformer_speaks.mistake(
    "TransformerSampler",
    "It takes the likeliest token each time, where it should draw one.",
    edit("torch.multinomial(logits.softmax(dim=-1), num_samples=1).item()", "logits.argmax().item()"),
)
