"""Checks of the section `rlhf`: rewards, log-probabilities, DPO, PPO and GRPO on a language model, LoRA.

What is differentiated is observed twice, as a value and as a gradient: a penalty that is detached, a flipped sign and a
gradient into the reference each show by themselves. Numerical stability has its own checks. Trainers are made without
__init__ and handed tiny models (`exercises/given/rlhf_examples.py`) whose logits stand in a table.

Where editions of the curriculum differ, all are right: prefix_len, gen_len or neither, the value loss with or without
its 1/2, TransformerWithValueHead or HookedTransformerWithValueHead, get_optimizer(args, model), Adam or AdamW, rewards
as list or tensor.

Of the curriculum, reward_fn_sentiment_imdb and the like need weights of a classifier; bradley_terry_loss and
reward_model_accuracy stand for them. run_value_head is a hook inside of forward_with_value_head, and graded there. The
schedule of get_lr_scheduler is graded as part of get_optimizer_and_scheduler.
"""

from collections import namedtuple

import numpy as np
import torch
from hypothesis import strategies as st

from exercises.given.rlhf_examples import (
    SIGNS,
    TinyLM,
    asked_for,
    both,
    chain,
    gradients,
    hooked_up,
    hooks_left,
    leaves,
    lora,
    moved,
    numbers,
    objective,
    pair,
    parts,
    pulls,
    rates,
    remembered,
    rolled_out,
    settings,
    slope,
    slopes,
    sorted_parts,
    term,
    toy,
)
from graders.engine import HALVES, WHOLE, Section, close, difference, distributed_as, edit, tensors

section = Section("rlhf", title="Reinforcement learning from human feedback")

# ARENA's answers import these from libraries that are not here.
section.lend(HookedTransformer="exercises.given.hooked.HookedTransformer", utils="exercises.given.hooked")
section.lend(HookPoint="exercises.given.hooked.HookPoint", get_act_name="exercises.given.hooked.get_act_name")
deep = close(rtol=1e-3, atol=1e-4)  # several layers in single precision, in any order of summation
coarse = close(rtol=1e-3, atol=1e-3)  # differences of numbers in the hundreds, in single precision
tiny = close(rtol=1e-2, atol=1e-9)  # squares of small numbers
roughly = close(rtol=1e-2, atol=1e-6)  # AdamW lets parameters shrink a little
seeds = st.integers(0, 99)
coefs = st.sampled_from((1.0, 0.5, 2.0))
HUNDREDS = (0.0, 300.0, -300.0, 500.0, -200.0, 301.0)
INF = float("inf")
LOGITS = ((1, 1, 2), (2, 1, 3), (1, 3, 2), (3, 2, 4))  # (batch, gen_len, vocab)
GRIDS = ((1, 2), (2, 1), (3, 2), (2, 4))  # (batch, gen_len)
ROWS = ((1,), (2,), (3,), (4,))


# %% What strategies and judges share
def cases(kind, count, shapes, *more, values=HALVES):
    """Named tuples of `count` tensors of the same shape, and what else is drawn."""
    same = st.sampled_from(shapes).flatmap(lambda shape: st.tuples(*[tensors(shape, values)] * count))
    return st.builds(lambda of_shape, *others: kind(*of_shape, *others), same, *more)


def token_rows(shapes, tokens):
    """Tokens, (batch, seq) or (batch, gen_len)."""
    return st.sampled_from(shapes).flatmap(lambda shape: tensors(shape, tokens, "int64"))


def with_or_without_half(observed, expected, inputs):
    """As expected, or twice that: the 1/2 of the value loss is left open."""
    words = difference(observed, expected)
    if words is None or not isinstance(observed, np.ndarray):
        return words
    return words if difference(np.asarray(observed), 2 * np.asarray(expected)) else None


# %% Rewards
texts = st.lists(st.text("a.bA", max_size=4), min_size=1, max_size=4)
reward_fn_char_count = section.exercise(
    "reward_fn_char_count",
    hints=[
        "Which method of a text counts how often a part occurs in it?",
        "How many numbers come out for three texts?",
    ],
    mistakes={
        "Ignores char: always counts full stops.": edit("text.count(char)", 'text.count(".")'),
        "Counts the texts in which it occurs, not how often.": edit("text.count(char)", "char in text"),
        "Adds the counts of all texts up.": edit("text in generated_sample])", "text in generated_sample]).sum()"),
        "Returns shares of the text, not counts.": edit("text.count(char)", "text.count(char) / max(len(text), 1)"),
        "Takes capital letters for small ones.": edit("text.count(char)", "text.lower().count(char.lower())"),
        "Counts the end of the text too: one too many.": edit("text.count(char)", "len(text.split(char))"),
    },
)


@reward_fn_char_count.check(points=0.5, texts=texts)
def char_count_full_stops(solution, texts):
    """Counts full stops, if no character is given."""
    return torch.as_tensor(solution.reward_fn_char_count(texts), dtype=torch.float64)


@reward_fn_char_count.check(points=0.5, texts=texts, char=st.sampled_from("aA.b"))
def char_count_of_another(solution, texts, char):
    """Counts the character that is given, and no other."""
    return torch.as_tensor(solution.reward_fn_char_count(texts, char), dtype=torch.float64)


Rewards = namedtuple("Rewards", "reward eps")
several = st.integers(2, 5).flatmap(lambda size: tensors((size,)))
equal = st.builds(lambda size, reward: torch.full((size,), float(reward)), st.integers(2, 4), st.integers(-9, 9))
_POPULATION = "Divides by the standard deviation of a population, not of a sample."
_SPREAD = "reward.std() if len(reward) > 1 else torch.zeros(())"
normalize_reward = section.exercise(
    "normalize_reward",
    hints=[
        "What would you subtract so that the mean becomes 0? What would you divide by so that the spread becomes 1?",
        "If all rewards are equal, what is the standard deviation? What keeps you from dividing by it?",
        "What does torch say is the standard deviation of one number?",
    ],
    mistakes={
        "Divides by the variance, not by its root.": edit(_SPREAD, _SPREAD.replace("std", "var")),
        "Does not subtract the mean.": edit("(reward - reward.mean())", "reward"),
        "Squeezes rewards into 0 to 1.": edit("reward.mean()) / (std", "reward.min()) / (reward.max() - reward.min()"),
        _POPULATION: edit(_SPREAD, "reward.std(unbiased=False)"),
        "Divides by zero if all rewards are equal.": edit("(std + eps)", "std"),
        "A single reward becomes NaN: the spread of one number.": edit(_SPREAD, "reward.std()"),
        "Edits the rewards it was given.": edit("(reward - reward.mean())", "reward.sub_(reward.mean())"),
    },
)
normalize_reward.call(
    "normalized_rewards", "Brings rewards to mean 0 and the standard deviation of a sample to 1.", reward=several
)
normalize_reward.call("normalized_equal", "Makes zeros of equal rewards.", points=0.5, examples=20, reward=equal)
alone = tensors((1,))
normalize_reward.call(
    "normalized_alone", "Makes zero of a reward that is alone.", points=0.25, extra=True, examples=20, reward=alone
)


@normalize_reward.check(points=0.25, extra=True, case=cases(Rewards, 1, ROWS[1:], st.sampled_from((0.5, 1.0, 2.0))))
def normalized_eps(solution, case):
    """Adds eps to the standard deviation, 1e-5 if none is given."""
    return solution.normalize_reward(*case), solution.normalize_reward(case.reward * 1e-5)


Choices = namedtuple("Choices", "r_chosen r_rejected")
choices = cases(Choices, 2, ROWS)
bradley_terry_loss = section.exercise(
    "bradley_terry_loss",
    hints=[
        "If the chosen text has a much larger reward, should the loss be near 0 or large? Which sign does that need?",
        "σ(-200) is 0 in single precision. Is there a function of torch for log σ that never computes σ?",
    ],
    mistakes={
        "The sign: it is least when people are contradicted.": edit("-nn.functional", "nn.functional"),
        "Chosen and rejected are swapped.": edit("(r_chosen - r_rejected).mean", "(r_rejected - r_chosen).mean"),
        "Leaves the logarithm out.": edit("nn.functional.logsigmoid(", "torch.sigmoid("),
        "Takes the logarithm of a σ that has become 0.": edit(
            "nn.functional.logsigmoid(r_chosen - r_rejected)", "torch.sigmoid(r_chosen - r_rejected).log()"
        ),
        "Adds the pairs up instead of averaging.": edit(".mean()", ".sum()"),
        "No gradient reaches the rejected texts' rewards.": edit("- r_rejected).mean", "- r_rejected.detach()).mean"),
        "Each reward goes through σ by itself; it is about the difference.": edit(
            "(r_chosen - r_rejected).mean", "(r_chosen).mean() - nn.functional.logsigmoid(-r_rejected).mean"
        ),
    },
)
bradley_terry_loss.call("preference_loss", "Is minus the mean of log σ of the differences.", case=choices)


@bradley_terry_loss.check(points=0.5, case=choices)
def preference_gradients(solution, case):
    """Gradients flow into both rewards, up and down."""
    return slopes(solution.bradley_terry_loss, *case)


@bradley_terry_loss.check(points=0.5, judge=coarse, extra=True, case=cases(Choices, 2, ROWS, values=HUNDREDS))
def preference_hundreds(solution, case):
    """Loss and gradients are right if rewards differ by hundreds."""
    return solution.bradley_terry_loss(*case), slopes(solution.bradley_terry_loss, *case)


reward_model_accuracy = section.exercise(
    "reward_model_accuracy",
    hints=[
        "For one pair: when is the reward model right? When half right?",
        "Which comparison of two tensors gives True for each pair that is right, and how do you count those?",
    ],
    mistakes={
        "Counts the pairs in which the rejected text is better.": edit("> r_rejected", "< r_rejected"),
        "An equal reward counts as right.": edit("0.5 *", "1.0 *"),
        "An equal reward counts as wrong; it is half a pair.": edit("0.5 *", "0.0 *"),
        "Returns the number of pairs, not their share.": edit("right.item() / len(r_chosen)", "right.item()"),
        "Asks whether rewards are positive, not which is larger.": edit("r_chosen > r_rejected", "r_chosen > 0"),
    },
)
distinct = st.permutations(range(-4, 5)).map(lambda drawn: torch.tensor(drawn).float())
without_ties = st.builds(lambda size, r: Choices(r[:size], r[4 : 4 + size]), st.integers(1, 4), distinct)


@reward_model_accuracy.check(case=without_ties)
def accuracy_of_rewards(solution, case):
    """Is the share of pairs in which the chosen text has the larger reward."""
    return float(solution.reward_model_accuracy(case.r_chosen, case.r_rejected))


@reward_model_accuracy.check(points=0.25, case=cases(Choices, 2, ROWS, values=(0.0, 1.0, -1.0, 3.0)))
def accuracy_of_ties(solution, case):
    """Counts an equal reward as half a pair."""
    return float(solution.reward_model_accuracy(case.r_chosen, case.r_rejected))


# %% Log-probabilities of texts, and preferences between them
Texts = namedtuple("Texts", "logits tokens prefix_len")


@st.composite
def sequences(draw, values=HALVES, prefixes=(1, 2, 3)):
    """Logits of a vocabulary of three, tokens, and the length of the prompt."""
    prefix_len, gen_len, batch = draw(st.sampled_from(prefixes)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    seq = max(prefix_len, 1) + gen_len
    return Texts(draw(tensors((batch, seq, 3), values)), draw(tensors((batch, seq), (0, 1, 2), "int64")), prefix_len)


def mistakes_about_positions(first):
    """Mistakes that get_logprobs and response_logprob share; `first` is what they call the length of the prompt."""
    return {
        "Asks the logits at a token's own position: they are about the next token.": edit(
            f"{first} - 1 : -1]", f"{first}:]"
        ),
        "Returns probabilities: the logarithm is missing.": edit("log_softmax(dim=-1)", "softmax(dim=-1)"),
        "Takes logits for log-probabilities.": edit(".log_softmax(dim=-1)", ""),
        "Normalizes over the positions, not over the vocabulary.": edit("log_softmax(dim=-1)", "log_softmax(dim=1)"),
        "Takes the logarithm of a softmax: -inf where logits are in the hundreds.": edit(
            "log_softmax(dim=-1)", "softmax(dim=-1).log()"
        ),
        "The logits are detached: nothing is learned.": edit(f"logits[:, {first}", f"logits.detach()[:, {first}"),
    }


get_logprobs = section.exercise(
    "get_logprobs",
    hints=[
        "Write the positions 0, 1, 2, 3 of a text in a row, and below each the logits about it. Which logits are left "
        "over, and which token?",
        "After log_softmax there is a number for each word of the vocabulary. How do you pick out the one of the token "
        "that really came? torch.gather does it.",
        "prefix_len = 2: which is the first token whose log-probability you return, and where are the logits about it?",
    ],
    mistakes={
        **mistakes_about_positions("prefix_len"),
        "Starts one token too early: the last of the prompt is counted.": [
            edit("prefix_len - 1 : -1", "max(prefix_len - 2, 0) : -1"),
            edit("prefix_len:, None", "max(prefix_len - 1, 1) :, None"),
        ],
        "Ignores prefix_len: the prompt is counted too.": edit("prefix_len = prefix_len or 1", "prefix_len = 1"),
        "Returns the largest log-probability, whatever the token is.": edit(
            "logprobs.gather(-1, tokens[:, prefix_len:, None])[..., 0]", "logprobs.max(dim=-1).values"
        ),
        "Needs prefix_len: None is not taken for 1.": edit(
            "prefix_len = prefix_len or 1", "prefix_len = 0 if prefix_len is None else prefix_len"
        ),
        "Takes a prefix_len of 0 as it is: the logits are cut to nothing.": edit(
            "prefix_len = prefix_len or 1", "prefix_len = 1 if prefix_len is None else prefix_len"
        ),
    },
)
get_logprobs.call(
    "logprobs_of_generated", "Returns the log-probability of each token from prefix_len on.", case=sequences()
)
whole = sequences().map(lambda drawn: drawn[:2])
get_logprobs.call(
    "logprobs_of_all", "Without prefix_len returns those of all tokens but the first.", points=0.5, case=whole
)


@get_logprobs.check(points=0.5, case=sequences())
def logprobs_gradient(solution, case):
    """Gradients flow into the logits."""
    return slopes(solution.get_logprobs, *case)


get_logprobs.call(
    "logprobs_hundreds",
    "Is right for logits in the hundreds, and takes a prefix_len of 0 for 1.",
    points=0.5,
    extra=True,
    judge=coarse,
    case=sequences(HUNDREDS, (1, 2, 0)),
)

Masked = namedtuple("Masked", "logits tokens prompt_len mask")


@st.composite
def padded(draw, filled=False):
    """Texts whose rows end early; with `filled`, what stands there is impossible."""
    logits, tokens, prompt_len = draw(sequences())
    lengths = [draw(st.integers(prompt_len, tokens.shape[1] - (row == 0))) for row in range(len(tokens))]
    mask = torch.arange(tokens.shape[1]) < torch.tensor(lengths)[:, None]  # (batch, seq)
    if filled:
        tokens = tokens.masked_fill(~mask, 0)
        logits[:, :-1, 0] = logits[:, :-1, 0].masked_fill(~mask[:, 1:], -INF)
    return Masked(logits, tokens, prompt_len, mask)


_FILLED = "logprobs.masked_fill(~mask[:, prompt_len:], 0.0)"
response_logprob = section.exercise(
    "response_logprob",
    hints=[
        "The probability of a text is the product of its tokens' probabilities. And its logarithm?",
        "How many tokens does the answer have, and which logits are about them?",
        "What should a position that is only filled up add? And 0 times -inf?",
    ],
    mistakes={
        **mistakes_about_positions("prompt_len"),
        "The tokens of the prompt are counted too.": [
            edit("logits[:, prompt_len - 1 : -1]", "logits[:, :-1]"),
            edit("tokens[:, prompt_len:, None]", "tokens[:, 1:, None]"),
            edit("mask[:, prompt_len:]", "mask[:, 1:]"),
        ],
        "Averages over the tokens; long answers seem as probable as short ones.": edit("logprobs.sum", "logprobs.mean"),
        "Adds all answers of the batch up.": edit("logprobs.sum(dim=-1)", "logprobs.sum()"),
        "What rows are filled up with is counted.": edit(_FILLED, "logprobs"),
        "The mask is one position late.": edit("mask[:, prompt_len:]", "mask[:, prompt_len - 1 : -1]"),
        "Counts just what the mask leaves out.": edit("~mask", "mask"),
        "Multiplies by the mask: 0 times -inf is NaN.": edit(_FILLED, "logprobs * mask[:, prompt_len:]"),
    },
)
response_logprob.call("response_sums", "Sums the log-probabilities of the answer's tokens.", case=sequences())
response_logprob.call("response_masked", "Leaves out what rows are filled up with.", case=padded())


@response_logprob.check(points=0.5, case=padded())
def response_gradient(solution, case):
    """Gradients flow into the logits, and only of tokens that count."""
    return slopes(solution.response_logprob, *case)


response_logprob.call(
    "response_impossible",
    "Filled-up positions do not count even if their log-probability is -inf.",
    points=0.25,
    extra=True,
    case=padded(filled=True),
)
large = sequences(HUNDREDS)
response_logprob.call(
    "response_hundreds", "Is right for logits in the hundreds.", points=0.25, extra=True, judge=coarse, case=large
)


Answers = namedtuple("Answers", "pi_chosen pi_rejected ref_chosen ref_rejected beta")
betas = st.sampled_from((0.5, 0.25, 1.0))
answers = cases(Answers, 4, ROWS, betas)
dpo_loss = section.exercise(
    "dpo_loss",
    hints=[
        "Begin with r of one answer. Which two log-probabilities does it compare, and what is it if the policy has not "
        "moved yet?",
        "What did bradley_terry_loss do with two rewards?",
        "Is there anything to be learned in the reference? How do you keep its log-probabilities out of the graph?",
    ],
    mistakes={
        "Leaves the reference out.": [edit("(pi_chosen - ref_chosen.detach())", "pi_chosen"),
                                      edit("(pi_rejected - ref_rejected.detach())", "pi_rejected")],
        "Rewards are right; the loss leaves the reference out.": edit(
            "(chosen_r - rejected_r)", "(beta * (pi_chosen - pi_rejected))"
        ),
        "beta stands outside of log σ.": [edit("chosen_r = beta * (pi_c", "chosen_r = (pi_c"),
                                          edit("= beta * (pi_r", "= (pi_r"), edit("return -nn", "return -beta * nn")],
        "Leaves beta out.": [edit("chosen_r = beta * (pi_c", "chosen_r = (pi_c"), edit("= beta * (pi_r", "= (pi_r")],
        "Divides by beta.": [edit("chosen_r =", "chosen_r = 1 /"), edit("= beta * (pi_r", "= 1 / beta * (pi_r")],
        "Chosen and rejected are swapped.": edit("chosen_r - rejected_r)", "rejected_r - chosen_r)"),
        "The sign: the loss is to be minimised.": edit("-nn.functional", "nn.functional"),
        "Takes the logarithm of a σ that has become 0.": edit(
            "nn.functional.logsigmoid(chosen_r - rejected_r)", "torch.sigmoid(chosen_r - rejected_r).log()"
        ),
        "Adds the pairs up instead of averaging.": edit(".mean()", ".sum()"),
        "Gradients flow into the reference model.": [edit("ref_chosen.detach()", "ref_chosen"),
                                                     edit("ref_rejected.detach()", "ref_rejected")],
        "The rewards of both answers are swapped where they are returned.": edit(
            ".mean(), chosen_r, rejected_r", ".mean(), rejected_r, chosen_r"
        ),
        "No gradient reaches the rejected answers.": edit("beta * (pi_rejected -", "beta * (pi_rejected.detach() -"),
    },
)  # fmt: skip


@dpo_loss.check(case=answers)
def dpo_values(solution, case):
    """Is the loss of Bradley and Terry on beta times the differences from the reference."""
    return solution.dpo_loss(*case)[0]


@dpo_loss.check(points=0.5, case=answers)
def dpo_rewards(solution, case):
    """Returns beta times the difference from the reference for the chosen and for the rejected answers."""
    return solution.dpo_loss(*case)[1:]


@dpo_loss.check(case=answers)
def dpo_gradients(solution, case):
    """Raises the chosen answer, lowers the rejected one, and leaves the reference alone."""
    return slopes(solution.dpo_loss, *case)


@dpo_loss.check(points=0.5, judge=coarse, extra=True, case=cases(Answers, 4, ROWS, betas, values=HUNDREDS))
def dpo_hundreds(solution, case):
    """Loss and gradients are right if log-probabilities differ by hundreds."""
    return solution.dpo_loss(*case)[0], slopes(solution.dpo_loss, *case)[:2]


# %% The terms of PPO's objective
LogProbs = namedtuple("LogProbs", "logp ref_logp")
BELOW = (-1.0, -0.5, -2.0, -1.5, -3.0, -2.5, -4.0)
logprobs = cases(LogProbs, 2, GRIDS, values=BELOW)
little = tensors((2,), (0.001, -0.001, 0.002, -0.003))
token_kl_estimators = section.exercise(
    "token_kl_estimators",
    hints=[
        "Two of the three can never be negative. Which, and why?",
        "If the policy gives a token more probability than the reference, which sign has d, and which k1?",
        "For d = 0.001 in single precision, how many digits of exp(d) - 1 are left? And of exp(d) - 1 - d?",
    ],
    mistakes={
        "The other way round: KL of the reference from the policy.": edit("ref_logp - logp", "logp - ref_logp"),
        "k1 has the wrong sign.": edit("return -d", "return d"),
        "k2 without the half.": edit("d**2 / 2", "d**2"),
        "k2 is the absolute value, not the square.": edit("d**2 / 2", "d.abs() / 2"),
        "k3 without the - d: it is negative half of the time.": edit("torch.expm1(d) - d", "torch.expm1(d)"),
        "k3 without the - 1.": edit("torch.expm1(d) - d", "torch.exp(d) - d"),
        "k3 with d turned round: its ratio is π_ref / π.": edit("torch.expm1(d) - d", "torch.expm1(-d) + d"),
        "k3 adds d.": edit("torch.expm1(d) - d", "torch.expm1(d) + d"),
        "exp(d) - 1 loses its digits where both models are nearly the same.": edit(
            "torch.expm1(d) -", "(torch.exp(d) - 1) -"
        ),
        "Averages over the tokens; an estimate for each is asked for.": edit(
            ", d**2 / 2, torch.expm1(d) - d", ".mean(), (d**2 / 2).mean(), (torch.expm1(d) - d).mean()"
        ),
        "The policy's log-probabilities are detached.": edit("ref_logp - logp", "ref_logp - logp.detach()"),
    },
)
token_kl_estimators.call("kl_estimates", "Returns k1, k2 and k3 of each token.", points=1.5, case=logprobs)


@token_kl_estimators.check(points=0.5, case=logprobs)
def kl_estimates_gradients(solution, case):
    """Gradients of all three flow into the policy's log-probabilities."""
    (logp,) = leaves(case.logp)
    return [gradients(estimate, logp)[0] for estimate in solution.token_kl_estimators(logp, case.ref_logp)]


@token_kl_estimators.check(points=0.25, extra=True, judge=tiny, logp=tensors((2,), BELOW), d=little)
def kl_estimates_of_twins(solution, logp, d):
    """Where both models are nearly the same, k3 keeps its digits."""
    return solution.token_kl_estimators(torch.zeros_like(d) + 0 * logp, d)[2]


Penalty = namedtuple("Penalty", "logits ref_logits coef")
Bonus = namedtuple("Bonus", "logits coef")


@st.composite
def forbidding(draw):
    """Logits of two models. Some are -inf: of the policy, or of both; never the first."""
    logits, ref_logits, coef = draw(cases(Penalty, 2, LOGITS, coefs))
    which = draw(tensors(tuple(logits.shape), (0, 1, 2), "int64"))
    which[..., 0] = 0
    return Penalty(logits.masked_fill(which > 0, -INF), ref_logits.masked_fill(which == 2, -INF), coef)


models = cases(Penalty, 2, LOGITS, coefs)
_HIDDEN = "torch.where hides the NaN of a forbidden token, but its gradient is NaN."
_MASKED = "log_ratio.masked_fill(probs == 0, 0.0)"
calc_kl_penalty = section.exercise(
    "calc_kl_penalty",
    hints=[
        "Which of the two distributions is averaged over? Which log-probability stands first in the difference?",
        "Over which axis do you sum, over which do you average?",
        "p = 0: what is p log p, as a limit, and what does the computer make of 0 · (-inf)? Which values have to be "
        "replaced before you multiply?",
    ],
    mistakes={
        "The other way round: KL(π_ref ‖ π).": edit(_MASKED, f"{_MASKED} * 0 - ref_logits.softmax(-1) * log_ratio"),
        "The policy is detached: a penalty without a gradient changes nothing.": edit("= logits", "= logits.detach()"),
        "Only the logarithm has a gradient; the probabilities are detached.": edit(".exp()", ".detach().exp()"),
        "The coefficient is missing.": edit("kl_coef * kl.mean()", "kl.mean()"),
        "The sign: the penalty is positive, and the trainer subtracts it.": edit("kl_coef * kl", "-kl_coef * kl"),
        "Averages over the vocabulary instead of summing.": edit("sum(dim=-1)", "mean(dim=-1)"),
        "Sums over the positions instead of averaging.": edit("kl.mean()", "kl.sum()"),
        "Takes logits for log-probabilities.": [
            edit("logprobs = logits.log_softmax(dim=-1)", "logprobs = logits"),
            edit("ref_logits.log_softmax(dim=-1)", "ref_logits"),
            edit("logprobs.exp()", "logits.softmax(dim=-1)"),
        ],
        "Normalizes over the positions, not over the vocabulary.": [
            edit("logprobs = logits.log_softmax(dim=-1)", "logprobs = logits.log_softmax(dim=1)"),
            edit("ref_logits.log_softmax(dim=-1)", "ref_logits.log_softmax(dim=1)"),
        ],
        "Does not weigh with the probabilities.": edit(f"(probs * {_MASKED})", "log_ratio"),
        "Takes logarithms of a softmax: NaN for logits in the hundreds.": [
            edit("logprobs = logits.log_softmax(dim=-1)", "logprobs = logits.softmax(dim=-1).log()"),
            edit("ref_logits.log_softmax(dim=-1)", "ref_logits.softmax(dim=-1).log()"),
        ],
        "A forbidden token becomes NaN: 0 times infinity.": edit(_MASKED, "log_ratio"),
        _HIDDEN: edit(f"(probs * {_MASKED})", "torch.where(probs > 0, probs * log_ratio, 0.0)"),
    },
)


@calc_kl_penalty.check(case=models)
def kl_penalty(solution, case):
    """Is kl_coef times the mean divergence of the policy from the reference, over the whole vocabulary."""
    return term(solution.calc_kl_penalty, *case)


@calc_kl_penalty.check(case=models)
def kl_penalty_gradient(solution, case):
    """Its gradient flows into the policy's logits."""
    return slope(solution.calc_kl_penalty, *case)


@calc_kl_penalty.check(points=0.5, judge=coarse, case=cases(Penalty, 2, LOGITS, coefs, values=HUNDREDS))
def kl_penalty_hundreds(solution, case):
    """Is right for logits in the hundreds, and so is its gradient."""
    return term(solution.calc_kl_penalty, *case), slope(solution.calc_kl_penalty, *case)


@calc_kl_penalty.check(points=0.5, extra=True, case=forbidding())
def kl_penalty_forbidden(solution, case):
    """Tokens that the policy gives probability 0 add nothing, to the value as to the gradient."""
    return term(solution.calc_kl_penalty, *case), slope(solution.calc_kl_penalty, *case)


_ENTROPY = "-(probs * logprobs.masked_fill(probs == 0, 0.0)).sum(dim=-1)"
calc_entropy_bonus = section.exercise(
    "calc_entropy_bonus",
    hints=[
        "Which distribution over n tokens has the largest entropy, and how large is it? Compare with what you compute.",
        "Is a logarithm of a probability positive or negative? And the entropy?",
        "What does a token of probability 0 add, and what does the computer say it is?",
    ],
    mistakes={
        "Zeros: there is no bonus at all.": edit("ent_coef * entropy.mean()", "0.0 * entropy.mean()"),
        "The sign: it is negative, and would punish trying.": edit("= -(probs", "= (probs"),
        "The coefficient is missing.": edit("ent_coef * entropy", "entropy"),
        "The logits are detached: a bonus without a gradient changes nothing.": edit("= logits", "= logits.detach()"),
        "Only the logarithm has a gradient; the probabilities are detached.": edit(".exp()", ".detach().exp()"),
        "Takes logits for log-probabilities.": [
            edit("logits.log_softmax(dim=-1)", "logits"),
            edit("logprobs.exp()", "logits.softmax(dim=-1)"),
        ],
        "Averages over the vocabulary instead of summing.": edit("sum(dim=-1)", "mean(dim=-1)"),
        "Sums over the positions instead of averaging.": edit("entropy.mean()", "entropy.sum()"),
        "Normalizes over the positions, not over the vocabulary.": edit("log_softmax(dim=-1)", "log_softmax(dim=1)"),
        "Takes bits for nats: the logarithm is to base 2.": edit(".mean()", ".mean() / 0.6931471805599453"),
        "Takes the logarithm of a softmax: NaN for logits in the hundreds.": [
            edit("logits.log_softmax(dim=-1)", "logits.softmax(dim=-1).log()"),
            edit("logprobs.masked_fill(probs == 0, 0.0)", "logprobs"),
        ],
        "A forbidden token becomes NaN: 0 times infinity.": edit("logprobs.masked_fill(probs == 0, 0.0)", "logprobs"),
        _HIDDEN: edit(_ENTROPY, "-torch.where(probs > 0, probs * logprobs, 0.0).sum(dim=-1)"),
    },
)


@calc_entropy_bonus.check(case=cases(Bonus, 1, LOGITS, coefs))
def entropy_bonus(solution, case):
    """Is ent_coef times the mean entropy, in nats."""
    return term(solution.calc_entropy_bonus, *case)


@calc_entropy_bonus.check(case=cases(Bonus, 1, LOGITS, coefs))
def entropy_gradient(solution, case):
    """Its gradient flows into the logits."""
    return slope(solution.calc_entropy_bonus, *case)


@calc_entropy_bonus.check(points=0.5, judge=coarse, case=cases(Bonus, 1, LOGITS, coefs, values=HUNDREDS))
def entropy_hundreds(solution, case):
    """Is right for logits in the hundreds, and so is its gradient."""
    return term(solution.calc_entropy_bonus, *case), slope(solution.calc_entropy_bonus, *case)


@calc_entropy_bonus.check(points=0.5, extra=True, case=forbidding())
def entropy_forbidden(solution, case):
    """Tokens of probability 0 add nothing, to the value as to the gradient."""
    bonus = solution.calc_entropy_bonus
    return term(bonus, case.logits, case.coef), slope(bonus, case.logits, case.coef)


Targets = namedtuple("Targets", "values returns coef")
calc_value_function_loss = section.exercise(
    "calc_value_function_loss",
    hints=[
        "If the head says 2 and 4 was earned, what is added to the mean?",
        "The trainer subtracts it. Which sign does it have here?",
    ],
    mistakes={
        "The sign: it is positive, and the trainer subtracts it.": edit("0.5 * vf_coef", "-0.5 * vf_coef"),
        "The coefficient is missing.": edit("0.5 * vf_coef", "0.5"),
        "Takes the absolute error, not its square.": edit(".square()", ".abs()"),
        "Sums instead of averaging.": edit(".mean()", ".sum()"),
        "The values are detached: the head never learns.": edit("(values -", "(values.detach() -"),
        "Squares the mean instead of averaging squares.": edit(".square().mean()", ".mean().square()"),
    },
)


@calc_value_function_loss.check(judge=with_or_without_half, case=cases(Targets, 2, GRIDS, coefs))
def value_loss(solution, case):
    """Is vf_coef times half the mean squared error, or times all of it."""
    return term(solution.calc_value_function_loss, *case)


@calc_value_function_loss.check(points=0.5, judge=with_or_without_half, case=cases(Targets, 2, GRIDS, coefs))
def value_loss_gradient(solution, case):
    """Its gradient flows into the values."""
    return slope(solution.calc_value_function_loss, *case)


Surrogate = namedtuple("Surrogate", "logprobs mb_logprobs advantages clip_coef")


@st.composite
def surrogates(draw, steps):
    """Log-probabilities that differ by some of the steps, and advantages of which not all are equal."""
    logprobs, advantages = draw(cases(lambda *both: both, 2, GRIDS, values=WHOLE))
    moved_by = draw(tensors(tuple(logprobs.shape), steps))
    advantages.view(-1)[0] += 20.0
    return Surrogate(logprobs / 8 + moved_by, logprobs / 8, advantages, draw(st.sampled_from((0.25, 0.125))))


NEAR, FAR = (0.0, 0.0625, -0.0625, 0.09375), (1.0, -1.0, 0.5, -0.5, 0.0)
_NORMED = "(mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)"
_RATIO = "(logprobs - mb_logprobs).exp()"
calc_clipped_surrogate_objective = section.exercise(
    "calc_clipped_surrogate_objective",
    hints=[
        "What is the ratio right after the samples were drawn, before any step? And its gradient?",
        "A token was good (A > 0) and is now twice as probable. Which of the two products is the smaller, and does it "
        "depend on logprobs?",
        "Now A < 0, and the token is twice as probable. Which of the two is the smaller now?",
    ],
    mistakes={
        "The sign: it is an objective, to be maximised.": edit("return torch.minimum", "return -torch.minimum"),
        "The ratio is upside down.": edit(_RATIO, "(mb_logprobs - logprobs).exp()"),
        "Takes the difference of log-probabilities for the ratio.": edit(_RATIO, "(logprobs - mb_logprobs)"),
        "Takes the larger of the two.": edit("torch.minimum", "torch.maximum"),
        "Never clips.": edit("clipped * advantages)", "ratio * advantages)"),
        "Always clips, also where it stops a mistake from being put right.": edit("ratio *", "clipped *"),
        "Clips the product, not the ratio.": edit(
            "clipped * advantages)", "(ratio * advantages).clip(1 - clip_coef, 1 + clip_coef))"
        ),
        "Clips at ±clip_coef instead of around 1.": edit("(1 - clip_coef, 1 + clip_coef)", "(-clip_coef, clip_coef)"),
        "Advantages are not normalized.": edit(_NORMED, "mb_advantages"),
        "Advantages are only centred.": edit(" / (mb_advantages.std() + eps)", ""),
        "Each sample's advantages are normalized by themselves, not the whole minibatch's.": edit(
            _NORMED, _NORMED.replace("()", "(-1, keepdim=True)")
        ),
        "The log-probabilities are detached: nothing is learned.": edit(
            _RATIO, "(logprobs.detach() - mb_logprobs).exp()"
        ),
        "Sums instead of averaging.": edit("advantages).mean()", "advantages).sum()"),
        "Equal advantages are divided by a standard deviation of 0.": edit("() + eps", "()"),
    },
)


@calc_clipped_surrogate_objective.check(case=surrogates(NEAR))
def surrogate_near(solution, case):
    """Is the mean of the ratio times the normalized advantage, where ratios are near 1."""
    return term(solution.calc_clipped_surrogate_objective, *case)


@calc_clipped_surrogate_objective.check(case=surrogates(FAR))
def surrogate_far(solution, case):
    """Is the smaller of the clipped and the unclipped product, where ratios are far from 1."""
    return term(solution.calc_clipped_surrogate_objective, *case)


@calc_clipped_surrogate_objective.check(case=surrogates(NEAR[1:3] + FAR[:4]))
def surrogate_gradient(solution, case):
    """Its gradient flows into the log-probabilities of now, but for tokens where clipping has stopped it."""
    return slope(solution.calc_clipped_surrogate_objective, *case)


@calc_clipped_surrogate_objective.check(points=0.25, extra=True, case=surrogates(FAR), same=coefs)
def surrogate_of_equals(solution, case, same):
    """Equal advantages become zeros: eps is added to the standard deviation, 1e-8 if none is given."""
    surrogate, advantages = solution.calc_clipped_surrogate_objective, case.advantages
    return [term(surrogate, *case[:2], each, 0.25) for each in (torch.full_like(advantages, same), advantages * 1e-8)]


Played = namedtuple("Played", "values rewards prefix_len")


@st.composite
def written(draw, gen_lens=(2, 3)):
    batch, prefix_len, gen_len = (draw(st.sampled_from(sizes)) for sizes in ((1, 3, 2), (1, 2, 3), gen_lens))
    return Played(draw(tensors((batch, prefix_len + gen_len))), draw(tensors((batch,))), prefix_len)


_AFTER = "torch.cat([values[:, prefix_len:-1], rewards[:, None]], dim=1)"
compute_advantages = section.exercise(
    "compute_advantages",
    hints=[
        "prefix_len = 2 and five tokens: which positions were generated? Write below each which value came before it "
        "and which after it.",
        "After the last token nothing is left to expect. What stands there in the place of a value?",
        "Two slices of values, of the same length but for one column: where does each begin and end?",
    ],
    mistakes={
        "Values are cut one position late.": [edit(":, prefix_len:-1", ":, prefix_len + 1 :"), edit(" - 1 : -1", ":")],
        "Values are cut one position early.": [
            edit("prefix_len:-1", "max(prefix_len - 1, 1) : -1][:, : values.shape[1] - prefix_len - 1"),
            edit("prefix_len - 1 : -1", "max(prefix_len - 2, 0) :][:, : values.shape[1] - prefix_len"),
        ],
        "Values are not cut at all: the prompt has advantages too.": [
            edit("values[:, prefix_len:-1], ", "values[:, 1:-1], "),
            edit("values[:, prefix_len - 1 : -1]", "values[:, :-1]"),
        ],
        "The reward is earned at every token, not at the end.": edit(
            "- before", "- before + rewards[:, None] * (torch.arange(after.shape[1]) < after.shape[1] - 1)"
        ),
        "Takes the reward less each value: every token gets the credit of all later ones.": edit(
            _AFTER, "rewards[:, None]"
        ),
        "The reward is forgotten: the last value stands in its place.": edit(_AFTER, "values[:, prefix_len:]"),
        "The reward is added to the last value; nothing comes after the end.": edit(
            "rewards[:, None]", "(rewards + values[:, -1])[:, None]"
        ),
        "The sign: before less after.": edit("after - before", "before - after"),
        "Edits the values it was given.": edit(
            _AFTER,
            "values[:, prefix_len:].index_copy_(1, torch.tensor([values.shape[1] - prefix_len - 1]), rewards[:, None])",
        ),
    },
)
compute_advantages.call(
    "advantages_of_tokens",
    "Is the value after each generated token less the value before it; the reward comes after the last.",
    points=1.5,
    case=written(),
)
compute_advantages.call(
    "advantages_of_one_token",
    "A token generated alone has the reward less the value before it.",
    points=0.5,
    case=written(gen_lens=(1,)),
)


# %% Samples, a model with a value head, its optimizer
def written_by(inputs):
    """The probabilities of the first two tokens that a TinyLM writes after b, (2, vocab)."""
    table = TinyLM(inputs["seed"]).table.detach().double() / inputs["temperature"]  # (last, next)
    least = table.topk(inputs["top_k"]).values[:, -1:]
    follows = table.masked_fill(table < least, -INF).softmax(-1).numpy()  # (last, next)
    first = follows[SIGNS.index("b")]
    return np.stack([first, first @ follows])


by_chance = distributed_as(probabilities=written_by, columns=("the first token", "the next token"))
temperatures = st.sampled_from((0.5, 2.0, 4.0))
Asked = namedtuple("Asked", "order prompt batch_size gen_len prepend_bos")
orders, prompts = st.permutations(range(len(SIGNS))), st.sampled_from(("a", "cb", "a.c"))
asked = st.builds(Asked, orders, prompts, st.integers(1, 3), st.integers(1, 4), st.booleans())
get_samples = section.exercise(
    "get_samples",
    hints=[
        "to_tokens gives one row. generate goes on row by row. How do you get batch_size rows?",
        "Who divides by the temperature, and who looks at top_k? What do you have to do about them?",
        "What does generate do with a row that has met the token that ends a text, unless it is told otherwise?",
    ],
    mistakes={
        "The temperature is not handed on.": edit("        temperature=temperature,\n", ""),
        "top_k is not handed on: any token may come.": edit("        top_k=top_k,\n", ""),
        "Stops where a text ends.": edit("        stop_at_eos=False,\n", ""),
        "Ignores prepend_bos.": edit("prompt, prepend_bos=prepend_bos", "prompt"),
        "Draws once and repeats the row: the samples are all the same.": [
            edit("tokens.repeat(batch_size, 1)", "tokens"),
            edit("sample_ids.clone(), model", "(sample_ids := sample_ids.repeat(batch_size, 1)).clone(), model"),
        ],
        "Writes one token less.": edit("max_new_tokens=gen_len", "max_new_tokens=gen_len - 1"),
        "Cuts the prompt off the tokens.": edit("sample_ids.clone(),", "sample_ids[:, tokens.shape[1] :].clone(),"),
        "Cuts the prompt off the texts.": edit("to_string(sample_ids)", "to_string(sample_ids[:, tokens.shape[1] :])"),
        "Returns one text of all samples.": edit("model.to_string(sample_ids)", '"".join(model.to_string(sample_ids))'),
        "Returns tensors of inference mode, which cannot be learned from.": edit("sample_ids.clone()", "sample_ids"),
    },
)


@get_samples.check(examples=40, case=asked)
def samples_form(solution, case):
    """Returns the tokens of all samples with their prompt, and their texts; the end of a text ends nothing."""
    model = chain(case.order)  # all arguments are given: older editions have no defaults
    sample_ids, samples = solution.get_samples(
        model, case.prompt, case.batch_size, case.gen_len, temperature=1.0, top_k=1, prepend_bos=case.prepend_bos
    )
    return sample_ids, list(samples)


@get_samples.check(judge=by_chance, examples=6, seed=seeds, temperature=temperatures, top_k=st.sampled_from((2, 3, 5)))
def samples_chance(solution, seed, temperature, top_k):
    """Draws each sample by itself, with the temperature and top_k that are given."""
    sample_ids, _ = solution.get_samples(TinyLM(seed), "ab", 3000, 2, temperature, top_k, prepend_bos=True)
    return sample_ids[:, 3:].clone()


@get_samples.check(points=0.25, extra=True, examples=5, case=asked)
def samples_to_learn_from(solution, case):
    """The tokens may take part in what is differentiated: they are no tensors of inference mode."""
    model = chain(case.order)
    return solution.get_samples(model, case.prompt, case.batch_size, 2, 1.0, 1, prepend_bos=True)[0].is_inference()


@get_samples.check(points=0.25, extra=True, examples=3, batch_size=st.integers(1, 3))
def samples_by_default(solution, batch_size):
    """Begins texts, writes 15 tokens, at a temperature of 0.8 and of the 15 most probable, if nothing else is said."""
    model = TinyLM(0, script=torch.ones(batch_size, 20, dtype=torch.int64))
    solution.get_samples(model, "ab", batch_size)
    return [[asked.get(name) for name in ("prompt", "max_new_tokens", "temperature", "top_k")] for asked in model.asked]


batches, of_one = token_rows(((2, 3), (3, 1), (2, 4)), range(6)), token_rows(((1, 3), (1, 1)), range(6))
_HOOKED = 'self.run_with_hooks(input_ids, fwd_hooks=[(get_act_name("normalized"), run_value_head)])'
HookedTransformerWithValueHead = section.exercise(
    "HookedTransformerWithValueHead",
    aliases=["TransformerWithValueHead"],
    hints=[
        "A hook is called while the model runs. How does what it computes get out to where the logits are returned?",
        "The head's last layer leads to 1. Which shape comes out of it, and which is asked for?",
        "What is the difference between add_hook and run_with_hooks, once the model has run?",
    ],
    mistakes={
        "Reads the residual stream before the final LayerNorm.": edit(
            '(get_act_name("normalized")', '(get_act_name("resid_post", self.cfg.n_layers - 1)'
        ),
        "Reads what goes into the last block, not what comes out.": edit(
            '(get_act_name("normalized")', '(get_act_name("resid_pre", self.cfg.n_layers - 1)'
        ),
        "The last axis, of length 1, is still there.": edit("(normalized)[..., 0]", "(normalized)"),
        "Squeezes all axes: a batch of one loses its axis too.": edit("(normalized)[..., 0]", "(normalized).squeeze()"),
        "The hook stays in the model.": edit(
            _HOOKED, '(self.add_hook(get_act_name("normalized"), run_value_head), self(input_ids))[1]'
        ),
        "The hook changes what the model goes on with.": edit(
            "values = self.", "normalized *= 1.5\n            values = self."
        ),
        "The values are detached from the model.": edit("value_head(normalized)", "value_head(normalized.detach())"),
        "The head is linear: there is no ReLU.": edit("nn.ReLU(), ", ""),
        "The hidden layer is as wide as the model, not four times.": [edit(", 4 *", ","), edit("(4 * ", "(")],
        "Returns the values first.": edit("return logits, values", "return values, logits"),
    },
)


@HookedTransformerWithValueHead.check(points=1.5, judge=deep, examples=20, seed=seeds, tokens=batches)
def head_values(solution, seed, tokens):
    """Computes values by a head of two layers from the output of the final LayerNorm."""
    return both(toy(solution.HookedTransformerWithValueHead, seed), tokens)[1].detach()


@HookedTransformerWithValueHead.check(points=0.5, judge=deep, examples=20, seed=seeds, tokens=batches)
def head_logits(solution, seed, tokens):
    """The logits are those of the model as it is."""
    return both(toy(solution.HookedTransformerWithValueHead, seed), tokens)[0][..., :2].detach()


@HookedTransformerWithValueHead.check(points=0.5, judge=deep, examples=10, seed=seeds, tokens=batches)
def head_gradients(solution, seed, tokens):
    """Gradients of the values flow into the head and into the model."""
    model = toy(solution.HookedTransformerWithValueHead, seed)
    found = gradients(both(model, tokens)[1], *model.parameters())
    return found[0][:6, :2], found[-4][:2, :2], found[-2][:, :2]


@HookedTransformerWithValueHead.check(points=0.5, examples=5, seed=seeds, tokens=batches)
def head_leaves_no_hooks(solution, seed, tokens):
    """Leaves no hook in the model."""
    model = toy(solution.HookedTransformerWithValueHead, seed)
    both(model, tokens)
    before = hooks_left(model)
    both(model, tokens)
    return hooks_left(model) - before


@HookedTransformerWithValueHead.check(points=0.25, extra=True, judge=deep, examples=10, seed=seeds, tokens=of_one)
def head_of_one(solution, seed, tokens):
    """A batch of one keeps its axis."""
    return both(toy(solution.HookedTransformerWithValueHead, seed), tokens)[1].detach()


some_rates = st.permutations((0.5, 0.25, 0.125, 1.0))
two_slopes = st.tuples(*[st.sampled_from((3.0, -2.0, 5.0))] * 2)
_BASE = "[parameter for parameter in model.parameters() if parameter not in head]"
get_optimizer = section.exercise(
    "get_optimizer",
    hints=[
        "torch.optim.Adam takes a list of dicts in the place of parameters. What stands in each?",
        "model.parameters() are all parameters, the head's among them. How do you get the others?",
        "Optimizers of torch go down. Which option turns that round?",
    ],
    mistakes={
        "Goes down: the objective is to be maximised.": edit(", maximize=True", ""),
        "The learning rates are swapped.": [edit("base_lr}", "head_lr}"), edit('), "lr": head_lr', '), "lr": base_lr')],
        "The head has the model's learning rate.": edit('"lr": head_lr', '"lr": base_lr'),
        "The head is in both groups, which torch does not allow.": edit(_BASE, "list(model.parameters())"),
        "The head is not trained at all.": edit("torch.optim.AdamW(groups", "torch.optim.AdamW(groups[:1]"),
        "Only the head is trained.": edit("torch.optim.AdamW(groups", "torch.optim.AdamW(groups[1:]"),
        "Plain gradient ascent, not Adam: steps are as large as gradients.": edit(".AdamW", ".SGD"),
    },
)


@get_optimizer.check(points=1.5, judge=roughly, examples=30, lrs=some_rates, grads=two_slopes)
def optimizer_goes_up(solution, lrs, grads):
    """Moves the model and its head up their gradients, each by a step of its own learning rate."""
    return moved(solution.get_optimizer, lrs[0], lrs[1], grads)


Planned = namedtuple("Planned", "warmup_steps total_phases final_scale base_lr head_lr")
plans = st.tuples(
    st.sampled_from((2, 4, 1)), st.sampled_from((6, 8, 10)), st.sampled_from((0.5, 0.25, 0.0)), some_rates
).map(lambda drawn: Planned(*drawn[:3], *drawn[3][:2]))
_ALONG = "(phase - args.warmup_steps) / (args.total_phases - args.warmup_steps)"
_DOWN = f"1 - (1 - args.final_scale) * {_ALONG}"
_SCHEDULER = "torch.optim.lr_scheduler.LambdaLR(optimizer, factor)"
get_optimizer_and_scheduler = section.exercise(
    "get_optimizer_and_scheduler",
    hints=[
        "LambdaLR takes a function: the number of the phase in, a factor out. What is the factor in phase 0, in "
        "warmup_steps and in total_phases?",
        "A straight line from 1 to final_scale: how far along it is one in phase n?",
    ],
    mistakes={
        "Begins the warm-up at one step, not at 0.": edit("return phase /", "return (phase + 1) /"),
        "There is no warm-up.": edit("phase < args.warmup_steps", "phase < 0"),
        "The line down is measured from phase 0.": edit(_ALONG, "phase / args.total_phases"),
        "Ends at 1 - final_scale.": edit("1 - (1 - args.final_scale)", "1 - args.final_scale"),
        "Stays at 1 after the warm-up.": edit(_DOWN, "1.0"),
        "Decays by a power instead of on a straight line.": edit(_DOWN, f"args.final_scale ** ({_ALONG})"),
        "Returns the scheduler first.": edit(f"optimizer, {_SCHEDULER}", f"{_SCHEDULER}, optimizer"),
        "The rates of model and head are swapped.": edit("args.base_lr, args.head_lr", "args.head_lr, args.base_lr"),
    },
)


@get_optimizer_and_scheduler.check(examples=20, plan=plans)
def schedule_warms_up(solution, plan):
    """Begins at 0 and rises to both learning rates in warmup_steps phases."""
    return rates(solution.get_optimizer_and_scheduler, plan.warmup_steps + 1, **plan._asdict())


@get_optimizer_and_scheduler.check(examples=20, plan=plans)
def schedule_falls(solution, plan):
    """Falls on a straight line to final_scale times the learning rates."""
    return rates(solution.get_optimizer_and_scheduler, plan.total_phases + 1, **plan._asdict())


@get_optimizer_and_scheduler.check(points=0.25, extra=True, examples=10, plan=plans)
def schedule_without_warm_up(solution, plan):
    """Begins at the full rates if warmup_steps is 0."""
    return rates(solution.get_optimizer_and_scheduler, 4, **{**plan._asdict(), "warmup_steps": 0})


# %% Rollouts and trainers
Cut = namedtuple("Cut", "num_minibatches batches_per_learning_phase batch_size gen_len")
cuts = st.builds(Cut, st.sampled_from((2, 1, 3)), st.integers(1, 3), st.integers(1, 2), st.integers(1, 3)).map(
    lambda cut: cut._replace(batch_size=cut.batch_size * cut.num_minibatches)
)
shuffled = distributed_as(probabilities=lambda inputs: np.full(3, 1 / 3), columns=("the first time", "the next time"))
_RANDOM = "torch.randperm(self.args.batch_size)"
ReplayMemory = section.exercise(
    "ReplayMemory",
    hints=[
        "torch.randperm(n) is 0 … n - 1 in random order. How do you cut it into equal pieces, and what does "
        "x[piece] give?",
        "An advantage says how much better it went than the head expected. What has it to be added to, to be what the "
        "head should have said? Mind the positions: advantages are for generated tokens, values for all.",
    ],
    mistakes={
        "Samples are not shuffled.": edit(_RANDOM, "torch.arange(self.args.batch_size)"),
        "Draws with replacement: some samples come twice, others never.": edit(
            _RANDOM, "torch.randint(self.args.batch_size, (self.args.batch_size,))"
        ),
        "Every part is shuffled by itself: what belongs together is torn apart.": edit(
            "part[rows] for part in parts", "part[rows[torch.randperm(len(rows))]] for part in parts"
        ),
        "Shuffles once, and repeats the order.": [
            edit("        minibatches = []\n", f"        minibatches, order = [], {_RANDOM}\n"),
            edit(f"for rows in {_RANDOM}.chunk", "for rows in order.chunk"),
        ],
        "Goes through the samples only once.": edit("range(self.args.batches_per_learning_phase)", "range(1)"),
        "Returns are values of one position later.": edit("-self.args.gen_len - 1 : -1]", "-self.args.gen_len :]"),
        "Returns are the advantages.": edit(" + self.values[:, -self.args.gen_len - 1 : -1]", ""),
        "Returns are the values less the advantages.": edit("self.advantages + ", "-self.advantages + "),
        "Makes minibatches of num_minibatches samples.": edit(".chunk(", ".split("),
    },
)


@ReplayMemory.check(points=1.5, examples=30, case=cuts)
def memory_rows(solution, case):
    """Each time, every sample is in one minibatch, with all that belongs to it and the returns."""
    minibatches = remembered(solution.ReplayMemory, settings(**case._asdict())).get_minibatches()
    size = case.num_minibatches
    return [sorted_parts(minibatches[at : at + size]) for at in range(0, len(minibatches), size)]


@ReplayMemory.check(points=0.5, examples=20, case=cuts)
def memory_sizes(solution, case):
    """Makes num_minibatches of equal size each time."""
    memory = remembered(solution.ReplayMemory, settings(**case._asdict()))
    return [len(parts(each)[0]) for each in memory.get_minibatches()]


@ReplayMemory.check(judge=shuffled, examples=2, gen_len=st.integers(1, 2))
def memory_order(solution, gen_len):
    """The order of the samples is random, and anew each time."""
    memory = remembered(solution.ReplayMemory, settings(batch_size=3, gen_len=gen_len, batches_per_learning_phase=2))
    return np.array([[int(each.sample_ids[0, 0]) // 10 for each in memory.get_minibatches()] for _ in range(1000)])


KL, ENTROPY, SURROGATE = "- kl_penalty", "+ entropy_bonus", "return surrogate"
scripts = token_rows(((1, 2), (3, 1), (2, 3)), (1, 4, 2, 3, 0))
FOUND = ("sample_ids", "logprobs", "advantages", "ref_logits")  # in a rollout, about its samples
of_three = tensors((3, 2), (4, 1, 2, 3), "int64")
_LOOK = "        with torch.no_grad():\n"
_MISTAKES_OF_OBJECTIVES = {
    "The KL penalty is added; it is to be subtracted.": edit(KL, "+ kl_penalty"),
    "The entropy bonus is subtracted.": edit(ENTROPY, "- entropy_bonus"),
    "The KL penalty is left out, or compares the policy with itself.": edit(KL, ""),
    "The entropy bonus is left out.": edit(ENTROPY, ""),
    "The reference comes first in the KL penalty.": edit(
        "logits[:, gen], minibatch.ref_logits[:, gen]", "minibatch.ref_logits[:, gen], logits[:, gen]"
    ),
    "Logits are cut one position late, where they are about tokens that came later.": edit(
        "gen = slice(-args.gen_len - 1, -1)", "gen = slice(-args.gen_len, None)"
    ),
    "Log-probabilities are compared with themselves: the ratio is always 1.": edit(
        "logprobs, minibatch.logprobs,", "logprobs, logprobs.detach(),"
    ),
    "Log-probabilities of then and now are swapped.": edit(
        "logprobs, minibatch.logprobs,", "minibatch.logprobs, logprobs,"
    ),
    "Logits go through without a gradient.": edit("(logits, minibatch", "(logits.detach(), minibatch"),
}
RLHFTrainer = section.exercise(
    "RLHFTrainer",
    hints=[
        "Four terms, four functions. Which of what they need is the model's as it is now, which the minibatch's?",
        "seq is prefix_len + gen_len. At which positions stand the logits about the generated tokens?",
        "In the rollout nothing is learned. What would it cost to record gradients, and where could they flow?",
    ],
    mistakes={
        **_MISTAKES_OF_OBJECTIVES,
        "Is to be minimised: all signs are turned.": edit("surrogate - value_loss", "-surrogate + value_loss"),
        "The value loss is added; it is to be subtracted.": edit("- value_loss", "+ value_loss"),
        "The value loss is left out.": edit("- value_loss", ""),
        "Multiplies by vf_coef twice.": edit("- value_loss", "- args.vf_coef * value_loss"),
        "The value head's loss is about the advantages, not the returns.": edit(".returns", ".advantages"),
        "Rewards are never normalized.": edit("        if args.normalize_reward:\n", "        if False:\n"),
        "Rewards are always normalized.": edit("        if args.normalize_reward:\n", "        if True:\n"),
        "Gradients of the rollout are recorded, also in the reference model.": edit(_LOOK, "        if True:\n"),
        "The policy is its own reference.": edit(
            "ref_logits = self.ref_model(sample_ids)", "ref_logits = self.model.forward_with_value_head(sample_ids)[0]"
        ),
        "Log-probabilities are the reference's, not the model's.": edit("logits, sample_ids", "ref_logits, sample_ids"),
        "The temperature of the settings is not used.": edit("args.temperature, args.top_k", "1.0, args.top_k"),
    },
)


@RLHFTrainer.check(examples=30, seed=seeds)
def objective_surrogate(solution, seed):
    """With all coefficients zero, is the clipped surrogate objective."""
    return objective(solution.RLHFTrainer, seed)


@RLHFTrainer.check(points=0.75, examples=30, seed=seeds, kl_coef=coefs)
def objective_kl(solution, seed, kl_coef):
    """The KL penalty, of the policy from the reference, is subtracted."""
    return objective(solution.RLHFTrainer, seed, kl_coef=kl_coef)


@RLHFTrainer.check(points=0.5, examples=30, seed=seeds, ent_coef=coefs)
def objective_entropy(solution, seed, ent_coef):
    """The entropy bonus is added."""
    return objective(solution.RLHFTrainer, seed, ent_coef=ent_coef)


@RLHFTrainer.check(points=0.75, judge=with_or_without_half, examples=30, seed=seeds, vf_coef=coefs)
def objective_value_loss(solution, seed, vf_coef):
    """The value loss, from the returns, is subtracted."""
    return objective(solution.RLHFTrainer, seed, vf_coef=vf_coef) - objective(solution.RLHFTrainer, seed)


@RLHFTrainer.check(points=0.75, examples=30, seed=seeds, kl_coef=coefs)
def objective_gradients(solution, seed, kl_coef):
    """Gradients flow into the model, and none into the reference."""
    found = pulls(solution.RLHFTrainer, seed, kl_coef=kl_coef, ent_coef=0.5, vf_coef=0.5)
    return found[0], found[2]


@RLHFTrainer.check(points=0.5, judge=with_or_without_half, examples=30, seed=seeds, vf_coef=coefs)
def objective_moves_the_head(solution, seed, vf_coef):
    """Gradients flow into the value head."""
    return pulls(solution.RLHFTrainer, seed, vf_coef=vf_coef)[1]


@RLHFTrainer.check(points=1.5, examples=30, seed=seeds, script=scripts)
def rollout_memory(solution, seed, script):
    """Keeps samples, log-probabilities, advantages, values and the reference's logits."""
    memory = rolled_out(solution.RLHFTrainer, seed, script)
    return [getattr(memory, name).detach() for name in (*FOUND, "values")]


@RLHFTrainer.check(points=0.5, examples=30, seed=seeds, script=of_three)
def rollout_normalized(solution, seed, script):
    """Normalizes the rewards if the settings say so."""
    return rolled_out(solution.RLHFTrainer, seed, script, normalize_reward=True).advantages.detach()


@RLHFTrainer.check(points=0.25, examples=10, temperature=coefs, top_k=st.integers(1, 4), prepend_bos=st.booleans())
def rollout_settings(solution, temperature, top_k, prepend_bos):
    """Samples by the settings."""
    return asked_for(solution.RLHFTrainer, temperature=temperature, top_k=top_k, prepend_bos=prepend_bos)


@RLHFTrainer.check(points=0.5, examples=5, seed=seeds, script=scripts)
def rollout_records_nothing(solution, seed, script):
    """Records no gradients."""
    memory = rolled_out(solution.RLHFTrainer, seed, script)
    return [part.requires_grad for part in (memory.logprobs, memory.advantages, memory.values, memory.ref_logits)]


Grouped = namedtuple("Grouped", "rewards group_ids")


@st.composite
def groups(draw, sizes=(2, 3), same=False):
    """Rewards in groups whose members are scattered."""
    names = draw(st.permutations((0, 7, -3)))[: draw(st.integers(1, 2))]
    ids = draw(st.permutations([name for name in names for _ in range(draw(st.sampled_from(sizes)))]))
    rewards = draw(tensors((len(ids),)))
    if same:
        rewards = torch.tensor([float(name + 4) for name in ids])
    return Grouped(rewards, torch.tensor(ids))


_OWN = "normalize_reward(rewards[members], eps)"
_CENTRED = "(rewards[members] - rewards[members].mean())"
grpo_advantages = section.exercise(
    "grpo_advantages",
    hints=[
        "For one group you have written this already. How do you find out which texts are in a group?",
        "Where do the numbers go, so that each text gets its own back, in the order in which they came?",
    ],
    mistakes={
        "Compares with the whole batch, not with the group.": edit(
            "[members] = normalize_reward(rewards[members]", " = normalize_reward(rewards"
        ),
        "Takes the mean of the group, but the spread of the batch.": edit(_OWN, f"{_CENTRED} / (rewards.std() + eps)"),
        "Subtracts the mean, and does not divide.": edit(_OWN, "rewards[members] - rewards[members].mean()"),
        "Divides, and does not subtract the mean.": edit(_OWN, "rewards[members] / (rewards[members].std() + eps)"),
        _POPULATION: edit(_OWN, f"{_CENTRED} / (rewards[members].std(unbiased=False) + eps)"),
        "A group whose texts all earn the same becomes NaN.": edit(
            _OWN, f"{_CENTRED} / (rewards[members].std() if members.sum() > 1 else 1)"
        ),
        "A group of one becomes NaN.": edit(_OWN, f"{_CENTRED} / (rewards[members].std() + eps)"),
    },
)
grpo_advantages.call(
    "group_advantages", "Compares each text with those of its group, wherever they stand.", points=1.5, case=groups()
)
grpo_advantages.call(
    "group_of_equals", "Makes zeros where all of a group earn the same.", points=0.5, case=groups(same=True)
)


@grpo_advantages.check(points=0.25, extra=True, case=groups(sizes=(1, 2)), eps=st.sampled_from((0.5, 1.0)))
def group_of_one(solution, case, eps):
    """Makes zero of a text that is alone in its group, and adds eps to the standard deviation, by default 1e-6."""
    own = solution.grpo_advantages(*case, eps)
    return own, solution.grpo_advantages(case.rewards * 1e-6, case.group_ids)


_SHARED = "advantages = advantages[:, None].expand_as(logprobs)"
GrpoTrainer = section.exercise(
    "GrpoTrainer",
    hints=[
        "What is left of the objective of RLHFTrainer if there are no values?",
        "One number for each text, and an advantage for each of its tokens. How do you get from (batch,) to "
        "(batch, gen_len)?",
        "One prompt, one group. What are the group_ids?",
    ],
    mistakes={
        **_MISTAKES_OF_OBJECTIVES,
        "Is to be minimised: the surrogate's sign is turned.": edit(SURROGATE, "return -surrogate"),
        "Every text is a group of its own: all advantages are 0.": edit(
            "torch.zeros(len(rewards), dtype=torch.int64)", "torch.arange(len(rewards))"
        ),
        "Only the last token gets the advantage.": edit(
            _SHARED, "advantages = advantages[:, None] * (torch.arange(logprobs.shape[1]) == logprobs.shape[1] - 1)"
        ),
        "The advantage is shared out among the tokens; each has all of it.": edit(
            _SHARED, "advantages = advantages[:, None].expand_as(logprobs) / logprobs.shape[1]"
        ),
        "Rewards are the advantages, compared with nothing.": edit(
            "grpo_advantages(rewards, torch.zeros(len(rewards), dtype=torch.int64))", "rewards"
        ),
        "Gradients of the rollout are recorded, also in the reference model.": edit(_LOOK, "        if True:\n"),
        "The policy is its own reference.": edit("ref_logits = self.ref_model(", "ref_logits = self.model("),
    },
)


@GrpoTrainer.check(examples=30, seed=seeds)
def grpo_surrogate(solution, seed):
    """With all coefficients zero, is the clipped surrogate objective."""
    return objective(solution.GrpoTrainer, seed)


@GrpoTrainer.check(points=0.75, examples=30, seed=seeds, kl_coef=coefs)
def grpo_kl(solution, seed, kl_coef):
    """The KL penalty, of the policy from the reference, is subtracted."""
    return objective(solution.GrpoTrainer, seed, kl_coef=kl_coef)


@GrpoTrainer.check(points=0.5, examples=30, seed=seeds, ent_coef=coefs)
def grpo_entropy(solution, seed, ent_coef):
    """The entropy bonus is added."""
    return objective(solution.GrpoTrainer, seed, ent_coef=ent_coef)


@GrpoTrainer.check(points=0.75, examples=30, seed=seeds, kl_coef=coefs)
def grpo_gradients(solution, seed, kl_coef):
    """Gradients flow into the model, and none into the value head or the reference."""
    return pulls(solution.GrpoTrainer, seed, kl_coef=kl_coef, vf_coef=1.0)


@GrpoTrainer.check(points=1.5, examples=30, seed=seeds, script=of_three)
def grpo_rollout(solution, seed, script):
    """Keeps samples, log-probabilities, the advantage of each text at all of its tokens, and the reference's logits."""
    memory = rolled_out(solution.GrpoTrainer, seed, script)
    return [getattr(memory, name).detach() for name in FOUND]


@GrpoTrainer.check(points=0.5, examples=5, seed=seeds, script=scripts)
def grpo_records_nothing(solution, seed, script):
    """Records no gradients."""
    memory = rolled_out(solution.GrpoTrainer, seed, script)
    return [part.requires_grad for part in (memory.logprobs, memory.advantages, memory.ref_logits)]


@GrpoTrainer.check(points=0.25, examples=10, temperature=coefs, top_k=st.integers(1, 4), prepend_bos=st.booleans())
def grpo_settings(solution, temperature, top_k, prepend_bos):
    """Samples by the settings."""
    return asked_for(solution.GrpoTrainer, temperature=temperature, top_k=top_k, prepend_bos=prepend_bos)


@GrpoTrainer.check(points=0.25, extra=True, examples=5, seed=seeds, script=scripts)
def grpo_values(solution, seed, script):
    """Values are zeros."""
    return rolled_out(solution.GrpoTrainer, seed, script).values


# %% LoRA
sizes = st.permutations((2, 3, 4, 5))
alphas = st.sampled_from((2.0, 8.0, 3.0))


def drawn_anew(observed, expected, inputs):
    """Two fresh matrices A: the numbers of each differ, and so do the two."""
    words = difference([np.zeros_like(each) for each in observed], [np.zeros_like(each) for each in expected])
    if words:
        return words
    if any(np.ptp(each) == 0 for each in observed):
        return "all numbers of A are the same"
    return "A of the next Lora repeats that of the first" if np.array_equal(*observed) else None


_A = "torch.randn(*inst, d_in, rank, dtype=dtype) / d_in**0.5"
_ZERO = "torch.zeros(*inst, d_in, rank, dtype=dtype)"
_B = "torch.zeros(*inst, rank, d_out, dtype=dtype)"
_OUT = "(x[..., None, :] @ self.A @ self.B)[..., 0, :] * self.scale"
Lora = section.exercise(
    "Lora",
    hints=[
        "x has d_in numbers. How many are left after A, and how many come out of B?",
        "If A and B were both zero, what would the gradient of each be? Which of the two may be zero?",
        "With instances x is (..., n_inst, d_in) and A is (n_inst, d_in, rank). einsum can name the axis they share.",
    ],
    mistakes={
        "B does not start at zero: the model is changed before anything is learned.": edit("torch.zeros", "torch.ones"),
        "A starts at zero as well: neither gets a gradient, and nothing is ever learned.": edit(_A, _ZERO),
        "A starts at zero and B at random.": [edit(_A, _ZERO), edit(_B, _B.replace("zeros", "randn"))],
        "alpha is not divided by the rank.": edit("lora_alpha / rank", "lora_alpha"),
        "The change is not scaled at all.": edit(" * self.scale", ""),
        "Divides by alpha.": edit("lora_alpha / rank", "rank / lora_alpha"),
        "The input is added: a Lora is the change alone.": edit("* self.scale", "* self.scale + x.mean()"),
        "All instances share one map.": edit(
            _OUT, "(x @ self.A[0] @ self.B[0] if self.A.ndim == 3 else x @ self.A @ self.B) * self.scale"
        ),
        "The dtype is ignored.": [edit(_A, _A.replace(", dtype=dtype", "")), edit(_B, _B.replace(", dtype=dtype", ""))],
        "B is a plain tensor: no optimizer ever sees it.": edit(f"nn.Parameter({_B})", _B),
    },
)


@Lora.check(points=1, examples=40, seed=seeds, sizes=sizes, alpha=alphas)
def lora_values(solution, seed, sizes, alpha):
    """Is alpha / rank times x A B."""
    layer = lora(solution.Lora, *pair(seed, *sizes[:3]), lora_alpha=alpha)
    return layer(numbers(seed + 2, sizes[3], sizes[0])).detach()


@Lora.check(points=0.75, examples=40, seed=seeds, sizes=sizes, alpha=alphas)
def lora_instances(solution, seed, sizes, alpha):
    """With n_inst each instance has a map of its own."""
    layer = lora(solution.Lora, *pair(seed, *sizes), lora_alpha=alpha)
    return layer(numbers(seed + 2, 2, sizes[3], sizes[0])).detach()


@Lora.check(points=0.5, examples=10, seed=seeds, sizes=sizes)
def lora_start(solution, seed, sizes):
    """Changes nothing at first: B is zero."""
    layer = solution.Lora(d_in=sizes[0], d_out=sizes[1], rank=sizes[2], lora_alpha=4)
    start = [part.abs().sum().item() for name, part in layer.named_parameters() if "B" in name]
    return layer(numbers(seed, 2, sizes[0])).detach(), start


@Lora.check(points=0.5, judge=drawn_anew, examples=5, sizes=sizes)
def lora_random(solution, sizes):
    """A starts at random."""
    layers = [solution.Lora(d_in=sizes[0], d_out=sizes[1], rank=sizes[2], lora_alpha=4) for _ in range(2)]
    return [part.detach().flatten() for layer in layers for name, part in layer.named_parameters() if "A" in name]


@Lora.check(points=0.25, examples=20, seed=seeds, sizes=sizes, alpha=alphas)
def lora_parameters(solution, seed, sizes, alpha):
    """Both matrices are parameters, and get gradients."""
    layer = lora(solution.Lora, *pair(seed, *sizes[:3]), lora_alpha=alpha)
    found = gradients(layer(numbers(seed + 2, 1, sizes[0])), *layer.parameters())
    return sorted((each.numel(), each.flatten().sort().values.tolist()) for each in found)


@Lora.check(points=0.25, extra=True, examples=10, seed=seeds, sizes=sizes)
def lora_dtype(solution, seed, sizes):
    """Computes in the dtype that is given, on any number of axes, and by default with the sizes of the signature."""
    matrices, x = [each.double() for each in pair(seed, *sizes[:3])], numbers(seed, 2, 3, sizes[0]).double()
    layer = lora(solution.Lora, *matrices, dtype=torch.float64)
    total = sum(parameter.numel() for parameter in solution.Lora().parameters())
    return layer(x[0, 0]).detach(), layer(x).detach(), total


layers = st.integers(0, 1)
_ADDED = "return activation + self.loras[hook.name](x)"
LoraHooks = section.exercise(
    "LoraHooks",
    hints=[
        "hook.name is a key of two dicts. What do you find under it in each?",
        "The input of q is (batch, seq, d_model), and its Lora wants (batch, seq, n_heads, d_model). How do you give a "
        "tensor an axis along which it repeats?",
        "requires_grad_ is a method of modules too.",
    ],
    mistakes={
        "The model is not frozen: it is trained along.": edit("        self.model.requires_grad_(False)\n", ""),
        "Freezes what is to be trained as well.": edit("parameter for", "parameter.requires_grad_(False) for"),
        "Returns the model's parameters.": edit(
            "lora in self.loras.values() for parameter in lora", "parameter in self.model"
        ),
        "The change takes the place of q, k and v; it is to be added.": edit(_ADDED, "return self.loras[hook.name](x)"),
        "The change takes the place of the output; it is to be added.": edit(
            "return activation + self.loras[hook.name](self.inputs", "return self.loras[hook.name](self.inputs"
        ),
        "Always uses the Lora of q.": edit(_ADDED, 'return activation + self.loras[hook.name[:-1] + "q"](x)'),
        "Always uses the Lora of the first layer.": edit("[hook.name](x)", '["blocks.0.attn." + hook.name[-6:]](x)'),
        "Edits the activation in place.": edit(_ADDED, "return activation.add_(self.loras[hook.name](x))"),
        "The hook of the output returns nothing: nothing changes.": edit(
            "return activation + self.loras[hook.name](self.inputs", "activation + self.loras[hook.name](self.inputs"
        ),
    },
)


def hooked(hooks, method, name, seed):
    """What a hook makes of an activation, and the activation afterwards. The inputs are made up."""
    point, lora = hooks.model.hook_dict[name], hooks.loras[name]
    hooks.inputs[name] = numbers(seed + 2, 2, 3, lora.weight.shape[-2])
    activation = numbers(seed + 3, 2, 3, *lora.weight.shape[:-2], lora.weight.shape[-1])
    return getattr(hooks, method)(activation, point).detach(), activation


@LoraHooks.check(examples=30, seed=seeds, layer=layers, letter=st.sampled_from("qkv"))
def lora_hooks_qkv(solution, seed, layer, letter):
    """Adds to q, k and v what their own Lora makes of the layer's input."""
    return hooked(hooked_up(solution.LoraHooks, seed), "lora_hook_qkv", f"blocks.{layer}.attn.hook_{letter}", seed)


@LoraHooks.check(points=0.75, examples=30, seed=seeds, layer=layers)
def lora_hooks_out(solution, seed, layer):
    """Adds to the output what its own Lora makes of its input."""
    return hooked(hooked_up(solution.LoraHooks, seed), "lora_hook_out", f"blocks.{layer}.hook_attn_out", seed)


@LoraHooks.check(points=0.5, examples=10, seed=seeds)
def lora_hooks_freeze(solution, seed):
    """Freezes the model, and returns the parameters of all Loras, which are not frozen."""
    hooks = hooked_up(solution.LoraHooks, seed)
    trained = list(hooks.parameters_to_train())
    frozen = not any(parameter.requires_grad for parameter in hooks.model.parameters())
    flags = frozen, [parameter.requires_grad for parameter in trained]
    return flags, sorted(tuple(parameter.shape) for parameter in trained), sum(p.sum().item() for p in trained)
