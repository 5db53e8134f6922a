"""The checkpoint of `interpretability`: the learner's tools find the induction heads of a model that was just trained.

The evidence is the weights of the model and the heads that were named. The deciding side runs the model on texts of its
own, and measures there what the named heads do.
"""

import torch as t

from exercises.given.hooked import HookedTransformer, HookedTransformerConfig
from graders.engine import Criterion, as_array, checkpoint, edit

STEPS, BATCH, RATE = 600, 32, 0.01
HALF, SHORTEST, WORDS = 20, 6, 50  # halves are of many lengths: else to look back always equally far would do
SHARP = 7.0  # the size of the weights by which head 0.0 looks one token back


def data(seed):
    """A seed for the training; another one, for the texts to measure with, is kept."""
    return {"seed": seed}, seed + 1000


def small_model(seed):
    """Two layers of four heads, attention only. Nothing is trained, but head 0.0 was set to look one token back: its
    queries turn a position into the one before, its keys leave positions as they are.
    """
    cfg = HookedTransformerConfig(
        n_layers=2, d_model=64, n_ctx=2 * HALF + 1, d_head=32, n_heads=4, d_vocab=WORDS, attn_only=True,
        normalization_type=None, positional_embedding_type="shortformer", seed=seed,
    )  # fmt: skip
    model = HookedTransformer(cfg)
    with t.no_grad():
        model.W_pos.mul_(2)
        keys = SHARP * t.linalg.qr(t.randn(64, 64))[0][:, :32]  # (d_model, d_head)
        model.blocks[0].attn.W_K[0] = keys
        model.blocks[0].attn.W_Q[0] = SHARP * t.linalg.pinv(model.W_pos) @ model.W_pos.roll(1, 0) @ keys
    return model


def with_weights(evidence):
    """The model of the evidence."""
    model = small_model(0).requires_grad_(False)
    for name, weight in model.state_dict().items():
        weight.copy_(t.tensor(as_array(evidence["weights"], name, *weight.shape), dtype=t.float32))
    return model


def repeated_texts(seed):
    """Texts that repeat themselves, (32, 1 + 2 * HALF)."""
    half = t.randint(WORDS, (32, HALF), generator=t.Generator().manual_seed(seed))
    return t.cat([t.zeros(32, 1, dtype=t.long), half, half], dim=1)


def loss_of_second_half(logits, tokens):
    """Of the tokens that can be foreseen."""
    log_probs = logits[:, :-1].log_softmax(-1).gather(2, tokens[:, 1:, None])[..., 0]
    return -log_probs[:, HALF + 1 :].mean().item()


def silenced(model, heads):
    """Where it holds, some heads are taken out."""

    def silence(z, hook):
        z[:, :, [head for layer, head in heads if layer == hook.layer()]] = 0.0

    return model.hooks([(lambda name: name.endswith("hook_z"), silence)])


def numbers(names):
    """ "1.3" as (1, 3)."""
    found = [tuple(int(part) for part in str(name).split(".")) for name in names]
    return [each for each in found if len(each) == 2 and max(each[0] - 1, each[1] - 3) <= 0 <= min(each)]


def induction_scores(cache, heads):
    """Of some heads."""
    return [cache["pattern", layer][:, head].diagonal(1 - HALF, -2, -1).mean().item() for layer, head in heads]


def score(evidence, seed):
    """What the heads that were named really do, on other texts."""
    model, tokens = with_weights(evidence), repeated_texts(seed)
    found, previous = numbers(evidence["induction"]), numbers(evidence["previous"])
    logits, cache = model.run_with_cache(tokens)
    loss = loss_of_second_half(logits, tokens)
    with silenced(model, previous):
        without_previous, other = model.run_with_cache(tokens)
    with silenced(model, found):
        without_found = model(tokens)
    before, after = max(induction_scores(cache, found), default=0.0), max(induction_scores(other, found), default=1.0)
    told = as_array(evidence, "ablation", 2, 4)
    return [
        Criterion("loss of the second half", loss, at_most=0.5),
        Criterion("induction score of the best head found", before, at_least=0.5),
        Criterion(
            "loss without the induction heads, more by", loss_of_second_half(without_found, tokens) - loss, at_least=1.0
        ),
        Criterion(
            "loss without the heads that look back, more by",
            loss_of_second_half(without_previous, tokens) - loss,
            at_least=1.0,
        ),
        Criterion("ablation score of the head that matters most", told.max(), at_least=1.0),
        Criterion("induction score without those that look back", after, at_most=0.2),
    ]


def pattern_of_an_induction_head(evidence):
    """The attention of the best head that was found, (q, k), to a repeated text: the bright stripe is induction."""
    model, tokens = with_weights(evidence), repeated_texts(0)[:1]
    cache = model.run_with_cache(tokens, remove_batch_dim=True)[1]
    found = numbers(evidence["induction"]) or [(1, 0)]
    patterns = [cache["pattern", layer][head] for layer, head in found]
    return max(patterns, key=lambda pattern: pattern.diagonal(1 - HALF).mean()).numpy()


@checkpoint(data=data, score=score, steps=STEPS // 20, picture=pattern_of_an_induction_head)
def finds_induction_heads_in_a_trained_model(solution, seed):
    """A small model, of which one head was set to look one token back, is trained on your repeated tokens. Your
    detectors then find that head, and the heads that have learned to use it: induction heads. Your ablation scores say
    how much depends on it. One should see that without the first kind nothing is left of the second.
    """
    model = small_model(seed)
    t.manual_seed(seed)
    optimizer = t.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    for step in range(STEPS):
        half = int(t.randint(SHORTEST, HALF + 1, ()))
        tokens = solution.generate_repeated_tokens(model, half, BATCH)
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        log_probs = model(tokens)[:, :-1].log_softmax(-1).gather(2, tokens[:, 1:, None])[..., 0]  # (batch, seq-1)
        loss = -log_probs[:, half + 1 :].mean()
        optimizer.zero_grad()
        loss.backward()
        model.W_pos.grad.zero_()  # what head 0.0 looks at stays as it was set
        for weight in (model.blocks[0].attn.W_Q, model.blocks[0].attn.W_K):
            weight.grad[0] = 0.0
        optimizer.step()
        if (step + 1) % 20 == 0:
            yield "loss", loss.item()
    model.requires_grad_(False)
    vars(solution).update(model=model, seq_len=HALF)
    cache = model.run_with_cache(solution.generate_repeated_tokens(model, HALF), remove_batch_dim=True)[1]
    induction, previous = solution.induction_attn_detector(cache), solution.prev_attn_detector(cache)
    ablation = solution.get_ablation_scores(model, solution.generate_repeated_tokens(model, HALF, 8))
    return {
        "weights": {name: weight.numpy() for name, weight in model.state_dict().items()},
        "induction": induction,
        "previous": previous,
        "ablation": ablation.numpy(),
    }


finds_induction_heads_in_a_trained_model.mistake(
    "induction_attn_detector",
    "It looks for heads that look at the same token, one place further back.",
    edit("diagonal(1 - len(pattern) // 2)", "diagonal(-(len(pattern) // 2))"),
)
finds_induction_heads_in_a_trained_model.mistake(
    "generate_repeated_tokens",
    "The second half is drawn anew: there is nothing to be learned.",
    edit("half, half]", "half, t.randint_like(half, 30)]"),
)
finds_induction_heads_in_a_trained_model.mistake(
    "prev_attn_detector",
    "It looks for heads that look two tokens back.",
    edit("pattern.diagonal(-1)", "pattern.diagonal(-2)"),
)
