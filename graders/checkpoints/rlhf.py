"""The checkpoint of `rlhf`: a small language model learns what is wanted, once from choices and once from rewards.

The evidence is weights. The deciding side puts them into the model, lets it write, counts, and measures how far it has
gone from the model it was at first; and it has pairs of texts of its own, which no policy has seen.
"""

from functools import partial
from types import SimpleNamespace

import numpy as np
import torch

from exercises.given.hooked import HookedTransformer, HookedTransformerConfig
from exercises.given.tokens import BOS, Tokenizer
from graders.engine import Criterion, as_array, checkpoint, edit

LETTERS, WANTED, LENGTH = "abcdefghijk", "c", 6  # of which texts are made, that is rewarded, of a text
VOCAB, TOKEN = len(LETTERS) + 1, 1 + LETTERS.index(WANTED)
PAIRS, BATCH, EPOCHS, BETA = 2048, 256, 8, 0.1  # of DPO
PHASES, GROUP, LR, EVERY = 60, 64, 3e-3, 10  # of GRPO; and how often it is looked at
KL_COEFS = {"cheap": 0.05, "dear": 0.3}  # what a nat costs in each of the runs of GRPO
WRITTEN = 2000  # texts by which a policy is judged
HEIGHT, WIDTH = 48, 64  # dots of the picture


def language_model(weights=None):
    """The model, with its parameters in one row: without them, as they are drawn."""
    config = HookedTransformerConfig(
        n_layers=1, d_model=32, n_ctx=LENGTH + 1, d_head=8, n_heads=4, d_vocab=VOCAB, act_fn="relu"
    )
    model = HookedTransformer(config, Tokenizer((BOS, *LETTERS)))
    if weights is not None:
        own = torch.as_tensor(weights, dtype=torch.float32).clone()  # parameters are views of it
        torch.nn.utils.vector_to_parameters(own, model.parameters())
    return model


def in_a_row(model):
    """All parameters."""
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone()


def write(model, count):
    """Texts, (count, 1 + LENGTH), and how often the wanted letter is in each."""
    prompt = torch.zeros(count, 1, dtype=torch.int64)
    tokens = model.generate(prompt, max_new_tokens=LENGTH, stop_at_eos=False).clone()
    return tokens, (tokens == TOKEN).sum(dim=1)


def pairs_of(model, count):
    """Pairs of texts of which the first has more of the wanted letter, (count, 1 + LENGTH) each."""
    tokens, worth = write(model, 8 * count)
    one, other = tokens.chunk(2)
    first, second = worth.chunk(2)
    differ = (first != second).nonzero()[:count, 0]
    better = (first > second)[differ, None]
    return torch.where(better, one[differ], other[differ]), torch.where(better, other[differ], one[differ])


def data(seed):
    """The model as it is at first, whose letters are nearly equally probable; and pairs that are kept."""
    torch.manual_seed(seed)
    model = language_model()
    with torch.no_grad():
        model.unembed.W_U *= 0.2
    weights = in_a_row(model)
    return {"weights": weights, "pairs": pairs_of(model, PAIRS)}, (weights, pairs_of(model, 500))


def logprobs_of(model, tokens):
    """The log-probability of each text."""
    with torch.no_grad():
        logprobs = model(tokens)[:, :-1].log_softmax(-1)
    return logprobs.gather(-1, tokens[:, 1:, None]).sum(dim=(1, 2))


def judged(weights, base):
    """What a policy's texts earn on average, and the divergence of its texts from those of the base, in nats."""
    torch.manual_seed(0)
    model = language_model(weights)
    tokens, worth = write(model, WRITTEN)
    with torch.no_grad():
        policy, reference = (each(tokens)[:, :-1].log_softmax(-1) for each in (model, base))
    return worth.double().mean().item(), (policy.exp() * (policy - reference)).sum(dim=(1, 2)).mean().item()


def score(evidence, kept):
    """Rewards and divergences of both policies, and whether DPO's would choose as was chosen."""
    weights, (chosen, rejected) = kept
    base, size = language_model(weights), len(weights)
    dpo = as_array(evidence, "dpo", size)
    reward, _ = judged(dpo, base)
    policy = language_model(dpo)
    gains = [logprobs_of(policy, each) - logprobs_of(base, each) for each in (chosen, rejected)]
    accuracy = (gains[0] > gains[1]).double().mean().item()
    runs = [judged(as_array(evidence, name, PHASES // EVERY, size)[-1], base) for name in KL_COEFS]
    return [
        Criterion("reward after DPO; it was 0.5", reward, at_least=1.5),
        Criterion("pairs that DPO's policy would choose rightly", accuracy, at_least=0.95),
        Criterion("reward after GRPO, of 6", runs[0][0], at_least=5.0),
        Criterion("its divergence, in nats a token", runs[0][1] / LENGTH, at_most=4.0),
        Criterion("reward after GRPO where divergence is dear", runs[1][0], at_least=2.0),
        Criterion("divergence where it is dear, in nats a token", runs[1][1] / LENGTH, at_most=1.4),
    ]


def reward_against_divergence(evidence):
    """Upwards the reward, to the right the divergence from the base. The dim line is the most that can be earned at a
    divergence, if all letters are equally probable at first; dots are GRPO on its ways, the block is where DPO ends.
    """
    base = language_model(evidence["base"])
    picture = np.zeros((HEIGHT, WIDTH))

    def dot(reward, divergence, size, brightness):
        row = round((HEIGHT - 1) * (1 - reward / LENGTH))
        column = min(round((WIDTH - 1) * divergence / (LENGTH * np.log(VOCAB))), WIDTH - 1)
        rows, columns = slice(max(row - size, 0), row + size + 1), slice(max(column - size, 0), column + size + 1)
        picture[rows, columns] = np.maximum(picture[rows, columns], brightness)

    for share in np.linspace(1 / VOCAB, 0.9999, 2000):
        nats = share * np.log(share * VOCAB) + (1 - share) * np.log((1 - share) / (1 - 1 / VOCAB))
        dot(LENGTH * share, LENGTH * nats, 0, 0.35)
    for weights in np.concatenate([evidence[name] for name in KL_COEFS]):
        dot(*judged(weights, base), 0, 1.0)
    dot(*judged(evidence["dpo"], base), 1, 0.7)
    return picture


def prefer(solution, model, weights, pairs):
    """Trains a model by DPO on pairs of texts, and yields the loss."""
    base = language_model(weights)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)

    def logprob(of, tokens):
        return solution.response_logprob(of(tokens), tokens, 1)

    for _ in range(EPOCHS):
        losses = []
        for rows in torch.randperm(len(pairs[0])).split(BATCH):
            chosen, rejected = (each[rows] for each in pairs)
            of_policy, of_base = ([logprob(of, each) for each in (chosen, rejected)] for of in (model, base))
            loss = solution.dpo_loss(*of_policy, *of_base, BETA)[0]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        yield "DPO's loss", float(np.mean(losses))


def reinforce(solution, weights, kl_coef, snapshots):
    """Trains a model by GRPO, and yields the reward. Its weights are kept on the way."""
    model = language_model(weights)
    args = SimpleNamespace(
        prefix="", prepend_bos=True, gen_len=LENGTH, temperature=1.0, top_k=VOCAB, batch_size=GROUP, num_minibatches=1,
        batches_per_learning_phase=2, minibatch_size=GROUP, kl_coef=kl_coef, clip_coef=0.2, ent_coef=0.0, vf_coef=0.0,
        reward_fn=partial(solution.reward_fn_char_count, char=WANTED), normalize_reward=True, use_wandb=False,
    )  # fmt: skip
    trainer = object.__new__(solution.GrpoTrainer)  # without __init__, which makes models of its own
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, maximize=True)
    vars(trainer).update(args=args, model=model, ref_model=language_model(weights), prefix_len=1, step=0, phase=0)
    for phase in range(1, PHASES + 1):
        memory = trainer.rollout_phase()
        for minibatch in memory.get_minibatches():
            optimizer.zero_grad()
            trainer.compute_rlhf_objective(minibatch).backward()
            optimizer.step()
        if phase % EVERY == 0:
            snapshots.append(in_a_row(model))
            yield f"reward, KL {kl_coef}", (memory.sample_ids == TOKEN).sum().item() / GROUP


@checkpoint(data=data, score=score, steps=EPOCHS + len(KL_COEFS) * PHASES // EVERY, picture=reward_against_divergence)
def learns_what_is_wanted(solution, weights, pairs):
    """A small language model writes six letters, all about equally often, and people want the letter c. Your
    response_logprob and dpo_loss teach it that from pairs of texts; then, from the beginning, your GrpoTrainer from
    rewards, where the KL penalty is cheap, and where it is dear. The picture shows reward against divergence, and the
    most that is possible.
    """
    model = language_model(weights)
    yield from prefer(solution, model, weights, pairs)
    evidence = {"dpo": in_a_row(model), "base": weights}
    for name, kl_coef in KL_COEFS.items():
        snapshots = []
        yield from reinforce(solution, weights, kl_coef, snapshots)
        evidence[name] = torch.stack(snapshots)
    return evidence


learns_what_is_wanted.mistake(
    "dpo_loss",
    "Chosen and rejected are swapped.",
    edit("nn.functional.logsigmoid(chosen_r - rejected_r)", "nn.functional.logsigmoid(rejected_r - chosen_r)"),
)
learns_what_is_wanted.mistake(
    "GrpoTrainer",
    "Every text is a group of its own: there is nothing to compare with.",
    edit("torch.zeros(len(rewards), dtype=torch.int64)", "torch.arange(len(rewards))"),
)
learns_what_is_wanted.mistake(
    "calc_clipped_surrogate_objective",
    "The sign is turned: what earns most becomes less probable.",
    edit("return torch.minimum", "return -torch.minimum"),
)
learns_what_is_wanted.mistake(
    "calc_kl_penalty",
    "The policy is detached: a penalty without a gradient changes nothing.",
    edit("logprobs = logits.log_softmax", "logprobs = logits.detach().log_softmax"),
)
