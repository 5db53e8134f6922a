"""Checks of the section `policy_gradient`: the score function, REINFORCE with its agent, and a critic beside it.

Numbers are small and whole or halves; the axes (env, time) differ in size. Objectives are judged twice, by their values
and by their gradients, so that a flipped sign, a detached loss and a gradient that goes through a baseline are three
different things. What is drawn is judged by its distribution. Agents play scripts (`exercises/given/fake_envs.py`).

Where editions of the curriculum differ, all are right: normalised over all returns or per step, with n or n - 1 in the
standard deviation; a mean over time or a sum; a clip_coef of None or 0; an entropy per step or its mean and, for the
core points, ARENA's sum over taken actions; names and order of the arguments of classes.

Of this part of the curriculum nothing is left out. Generalised advantages belong to the section `ppo`.
"""

import inspect
from collections import namedtuple

import numpy as np
import torch
from hypothesis import strategies as st

from exercises.given.policy_gradient_examples import (
    Repeats,
    acting,
    agent,
    answers,
    chosen,
    filled,
    gradients,
    kept,
    leaf,
    noise,
    objective,
    played,
    played_by,
    sizes,
    small_policy,
    tau,
    trainer,
    undecided,
    watched,
)
from graders.engine import HALVES, NONZERO, WHOLE, Section, close, difference, distributed_as, edit, tensors

section = Section("policy_gradient", title="Policy gradients, from the score function to actor and critic")
section.lend(
    gym="gymnasium",
    make_env="exercises.given.policy_gradient_examples.make_env",
    set_global_seeds="exercises.given.policy_gradient_examples.set_global_seeds",
)
roughly = close(rtol=1e-3, atol=2e-3)  # logarithms of several thousands
near = close(rtol=1e-4, atol=1e-5)  # single precision, in any order of summation
seeds = st.integers(0, 99)
gammas = st.sampled_from((0.5, 0.25, 0.75, 1.0, 0.0))
grids = st.sampled_from(((1, 1), (1, 2), (2, 3), (3, 1), (3, 4), (2, 1), (1, 4)))  # (env, time)
several = st.sampled_from(((2, 1), (2, 3), (3, 1), (3, 4)))  # more than one environment
FLAGS, LOW, WEIGHTS = (False, True), (-0.5, -1, -1.5, -2, -2.5), (1, 0.5, 2, 1.5)


def flags(shape):
    return tensors(shape, FLAGS, "bool")


def whole_numbers(shape, most):
    return tensors(shape, range(most), "int64")


# %% score_function
Decision = namedtuple("Decision", "logits actions")


@st.composite
def decisions(draw, values=HALVES):
    count, samples = draw(st.sampled_from(((2, 3), (3, 1), (4, 2), (3, 4), (5, 3))))
    return Decision(draw(tensors((count,), values)), draw(whole_numbers((samples,), count)))


_SCORE = "nn.functional.one_hot(actions, len(logits)) - probs"
score_function = section.exercise(
    "score_function",
    hints=[
        "ln softmax(logits)[a] is logits[a] minus the logarithm of a sum. What is the derivative of each of the two by "
        "logits[b]?",
        "For which b is the first one 1, and what does the second look like? You have met it as a probability.",
        "What do you get for two actions with equal logits? Compare with the example.",
    ],
    mistakes={
        "Leaves the probabilities out: the sum of exponentials depends on the logits, too.": edit(" - probs", ""),
        "The sign is wrong: this makes the action less probable.": edit(f"return {_SCORE}", f"return -({_SCORE})"),
        "It is the gradient of π(a), not of ln π(a).": edit(_SCORE, f"({_SCORE}) * probs[actions][:, None]"),
        "Subtracts the probability at the taken action only.": edit(" - probs", " * (1 - probs)"),
        "Large logits overflow.": edit("logits.softmax(dim=0)", "logits.exp() / logits.exp().sum()"),
        "Adds the scores up.": edit("len(logits)) - probs", "len(logits)).sum(0) - len(actions) * probs"),
    },
)
score_function.call(
    "score_values", "Gives each action the gradient of its log-probability by the logits.", judge=near, case=decisions()
)
score_function.call(
    "score_far_apart",
    "Takes logits in the thousands.",
    points=0.5,
    extra=True,
    judge=near,
    case=decisions((0, 1000, -1000, 1001, 2000)),
)


# %% score_function_estimator
SAMPLES = 3000
three_logits = st.permutations((0.0, 1.0, -0.5)).map(torch.tensor)
three_payoffs = st.permutations((1.0, 4.0, -3.0)).map(torch.tensor)
baselines = st.sampled_from((2.0, -1.0, 0.5))
by_logit = distributed_as(columns=("by logit 0", "by logit 1", "by logit 2"))
by_call = distributed_as(columns=("one call", "the next call"))

_ACTIONS = "Categorical(logits=logits).sample((num_samples,))"
_ESTIMATES = "(payoffs[actions] - baseline)[:, None] * score_function(logits, actions)"
_WEIGHTED = " - baseline)[:, None] * score_function(logits, actions)"
score_function_estimator = section.exercise(
    "score_function_estimator",
    hints=[
        "Which distribution of torch draws numbers from logits, and how do you ask it for many at once?",
        "For one sample there is one payoff and a row of scores. What shape must the payoffs have to multiply rows?",
        "Which is to be subtracted from what: the baseline from the payoff, or from the product?",
    ],
    mistakes={
        "The baseline is added; it is to be subtracted.": edit("[actions] - baseline", "[actions] + baseline"),
        "Ignores the baseline: the mean is right, the variance is not.": edit("[actions] - baseline", "[actions]"),
        "Subtracts the baseline from the product.": edit(_WEIGHTED, _WEIGHTED[11:] + " - baseline"),
        "Returns the average over the samples.": edit(_ESTIMATES, f"({_ESTIMATES}).mean(0).expand(num_samples, -1)"),
        "Draws without looking at the policy.": edit(_ACTIONS, "torch.randint(len(logits), (num_samples,))"),
        "Takes the most probable action, without drawing.": edit(_ACTIONS, "logits.argmax().repeat(num_samples)"),
        "Draws a single action for all samples.": edit("sample((num_samples,))", "sample().repeat(num_samples)"),
        "Takes logits for probabilities.": edit("logits=logits", "probs=logits - logits.min() + 0.1"),
        "Weights by the probability, too.": edit("return (pay", "return logits.softmax(0)[actions][:, None] * (pay"),
        "Every call draws the same.": edit("    actions = Cat", "    torch.manual_seed(0)\n    actions = Cat"),
    },
)


@score_function_estimator.check(judge=by_logit, examples=4, logits=three_logits, payoffs=three_payoffs)
def estimates_without_baseline(solution, logits, payoffs):
    """Draws actions by the policy, and weights the score of each with its payoff."""
    return solution.score_function_estimator(logits, payoffs, SAMPLES).round(decimals=3)


@score_function_estimator.check(
    judge=by_logit, examples=4, logits=three_logits, payoffs=three_payoffs, baseline=baselines
)
def estimates_with_baseline(solution, logits, payoffs, baseline):
    """Subtracts the baseline from each payoff: the mean stays, the variance changes."""
    return solution.score_function_estimator(logits, payoffs, SAMPLES, baseline).round(decimals=3)


@score_function_estimator.check(points=0.5, judge=by_call, examples=2, logits=three_logits, payoffs=three_payoffs)
def estimates_drawn_anew(solution, logits, payoffs):
    """Draws anew at each call, and each sample independently of the others."""
    calls = [solution.score_function_estimator(logits, payoffs, SAMPLES)[:, 0] for _ in range(2)]
    return torch.stack(calls, dim=1).round(decimals=3)


# %% optimal_baseline
Scored = namedtuple("Scored", "scores rewards")


@st.composite
def scored(draw):
    samples, params = draw(st.permutations((2, 3, 1, 4)))[:2]
    first = draw(tensors((1, params), NONZERO))
    scores = torch.cat([first, draw(tensors((samples - 1, params)))]) if samples > 1 else first
    return Scored(scores, draw(tensors((samples,))))


optimal_baseline = section.exercise(
    "optimal_baseline",
    hints=[
        "Each sample has one weight. From which numbers of its row is it made?",
        "A weighted mean: by what is the weighted sum divided?",
    ],
    mistakes={
        "It is the plain mean.": edit("(weights * rewards).sum() / weights.sum()", "rewards.mean()"),
        "Weights by the length of the score, not its square.": edit("scores.square().sum(dim=1)", "scores.norm(dim=1)"),
        "Squares the sum of a row, and does not add squares.": edit("square().sum(dim=1)", "sum(dim=1).square()"),
        "Divides by the number of samples, not by the sum of the weights.": edit("/ weights.sum()", "/ len(weights)"),
        "Weights by the largest of a row's squares.": edit("square().sum(dim=1)", "square().amax(dim=1)"),
    },
)
optimal_baseline.call(
    "baseline_values", "Averages the rewards, weighted by the squared length of the scores.", judge=near, case=scored()
)


# %% PolicyNetwork
Network = namedtuple("Network", "seed obs_shape num_actions hidden_sizes")
of_vectors = st.sampled_from((1, 2, 3, 4)).map(lambda size: (size,))
of_arrays = st.sampled_from(((2, 3), (3, 1), (2, 1, 2)))
leadings = st.sampled_from(((3,), (2, 3), (3, 2), (2, 3, 2), ()))
_DEPTHS = ((3, 2), (3,), (2, 3, 4))


def networks(obs_shapes=of_vectors, hidden=((3, 2), (2, 5), (4, 3))):
    return st.builds(Network, seeds, obs_shapes, st.sampled_from((2, 3, 1)), st.sampled_from(hidden))


def mistakes_of_networks(last):
    """Mistakes that networks share; `last` is their last layer."""
    return {
        "There is no ReLU: two linear layers are one.": edit(", nn.ReLU()]", "]"),
        "A ReLU stands after the last layer: nothing is negative.": edit(f"{last})\n\n", f"{last}, nn.ReLU())\n\n"),
        "Layers have no bias.": [
            edit("nn.Linear(d_in, d_out)", "nn.Linear(d_in, d_out, bias=False)"),
            edit(last, f"{last[:-1]}, bias=False)"),
        ],
        "Hidden sizes are taken from the end.": edit("*hidden_sizes]", "*reversed(hidden_sizes)]"),
        "tanh stands where ReLU should.": edit("nn.ReLU()]", "nn.Tanh()]"),
        "Takes only the last axis of what is seen for its size.": edit("[prod(obs_shape),", "[obs_shape[-1],"),
        "Merges (env, time) into one axis.": edit("obs.reshape(*leading, -1)", "obs.reshape(prod(leading), -1)"),
    }


PolicyNetwork = section.exercise(
    "PolicyNetwork",
    hints=[
        "How many numbers go into the first layer, how many come out of the last? Write all sizes down in a row: which "
        "two belong to each layer?",
        "Of which sign may a logit be? What would a ReLU, or a softmax, after the last layer do to it?",
        "nn.Linear looks at the last axis only. What is left to do, if an observation has one axis? And if it has two?",
    ],
    mistakes={
        **mistakes_of_networks("nn.Linear(sizes[-1], num_actions)"),
        "Returns probabilities, not logits.": edit("*leading, -1))", "*leading, -1)).softmax(dim=-1)"),
    },
)


@PolicyNetwork.check(points=1.5, judge=near, examples=60, case=networks(), leading=leadings)
def policy_values(solution, case, leading):
    """Maps observations to logits of any sign, through linear layers with ReLU, whatever axes stand in front."""
    return answers(solution.PolicyNetwork, case.seed, leading, case.obs_shape, case.num_actions, case.hidden_sizes)


@PolicyNetwork.check(points=0.5, examples=10, size=st.integers(1, 5), num_actions=st.integers(2, 4))
def policy_sizes(solution, size, num_actions):
    """Has hidden layers of 120 and 84 units unless others are asked for."""
    return sizes(solution.PolicyNetwork((size,), num_actions))


@PolicyNetwork.check(points=0.25, extra=True, judge=near, case=networks(of_arrays, _DEPTHS), leading=leadings)
def policy_of_arrays(solution, case, leading):
    """Flattens observations of several axes, and has as many hidden layers as sizes are given."""
    return answers(solution.PolicyNetwork, case.seed, leading, case.obs_shape, case.num_actions, case.hidden_sizes)


# %% compute_returns
Earned = namedtuple("Earned", "rewards done gamma")


@st.composite
def earned(draw, ends=True, factors=gammas, dtype="float32"):
    shape = draw(grids)
    done = flags(shape) if ends else st.just(torch.zeros(shape, dtype=torch.bool))
    return Earned(draw(tensors(shape, WHOLE, dtype)), draw(done), draw(factors))


_AHEAD = "rewards[:, time] + gamma * ahead * ~done[:, time]"
_NEXT_DONE = "~done[:, (time + 1) % rewards.shape[1]]"
_SINCE_START = "gamma**time * rewards[:, time] + ahead * ~done[:, time]"
compute_returns = section.exercise(
    "compute_returns",
    hints=[
        "If you knew the return from the next step on, how would you get the one from this step on?",
        "An episode has ended with step t. What does step t + 1 have to do with it? And with step t's own reward?",
        "Take the end out of the text's example. Which returns change, and by the reward of which step?",
    ],
    mistakes={
        "Leaks: rewards of the next episode count for the one before.": edit(" * ~done[:, time]", ""),
        "Looks whether the next step ends the episode, not this one.": edit("~done[:, time]", _NEXT_DONE),
        "The last reward of an episode is lost.": edit(_AHEAD, "(rewards[:, time] + gamma * ahead) * ~done[:, time]"),
        "Does not discount.": edit("gamma * ahead", "ahead"),
        "Discounts by the number of the step, not by how much later a reward comes.": edit(_AHEAD, _SINCE_START),
        "Discounts the first reward too.": edit(_AHEAD, f"gamma * ({_AHEAD})"),
        "Walks through the environments, not through the steps.": [
            edit("rewards[:, 0]", "rewards[0]"),
            edit("rewards.shape[1]", "rewards.shape[0]"),
            edit(f"ahead = {_AHEAD}", "ahead = rewards[time] + gamma * ahead * ~done[time]"),
            edit("returns[:, time] = ahead", "returns[time] = ahead"),
        ],
        "Adds up what was earned before, not what comes.": edit("reversed(", "list("),
        "Takes the usual gamma, not the one it is given.": edit("gamma * ahead", "0.9 * ahead"),
        "An end in one environment cuts all of them.": edit("~done[:, time]", "~done[:, time].any()"),
        "Every step gets the first return.": edit("    return returns", "    return returns[:, :1].expand_as(returns)"),
    },
)
compute_returns.call(
    "returns_without_ends",
    "Adds up the rewards from each step on, discounted by how much later they come.",
    judge=near,
    case=earned(ends=False),
)
compute_returns.call(
    "returns_across_ends",
    "Stops at the end of the episode: its last reward counts, those of the next one do not.",
    points=1.75,
    judge=near,
    case=earned(),
)


@compute_returns.check(points=0.25, judge=near, examples=20, case=earned())
def returns_by_default(solution, case):
    """Discounts by 0.9 unless it is told otherwise."""
    return solution.compute_returns(case.rewards, case.done)


compute_returns.call(
    "returns_in_double",
    "Keeps the dtype of the rewards.",
    points=0.25,
    extra=True,
    examples=20,
    case=earned(dtype="float64"),
)


# %% normalize_returns
@st.composite
def uneven(draw):
    """Returns of three or four environments, all different."""
    envs, steps = draw(st.sampled_from(((3, 2), (4, 3), (3, 4), (4, 1))))
    numbers = draw(st.permutations(range(-6, 10)))[: envs * steps]
    return torch.tensor(numbers, dtype=torch.float32).reshape(envs, steps)


def normalised(observed, expected, inputs):
    """Over all numbers or per step, each with n or n - 1; or with the mean per step and one deviation for all."""
    returns = np.asarray(inputs["returns"]).astype(np.float64)
    words = difference(observed, expected, rtol=1e-3)
    if words is None or not isinstance(observed, np.ndarray):
        return words
    per_step = returns - returns.mean(axis=0)
    for free in (0, 1):
        spread = returns.std(axis=0, ddof=free)
        for numbers in (
            (returns - returns.mean()) / returns.std(ddof=free),
            per_step / spread,
            per_step / returns.std(ddof=free),
            per_step / per_step.std(ddof=free),
        ):
            if difference(np.asarray(observed), numbers.astype(observed.dtype), rtol=1e-3, atol=1e-4) is None:
                return None
    return words


_NORMALISED = "(returns - returns.mean()) / (returns.std() + 1e-8)"
_STRETCHED = "(returns - returns.min()) / (returns.max() - returns.min())"
_OVER_TIME = "(returns - returns.mean(1, keepdim=True)) / (returns.std(1, keepdim=True) + 1e-8)"
normalize_returns = section.exercise(
    "normalize_returns",
    hints=[
        "Suppose all rewards are positive. What happens to the probability of a bad action without this?",
        "Which axis would make each environment's returns average to zero, so that a good and a bad one look alike?",
        "What is 0 / 0, and when does it come up here?",
    ],
    mistakes={
        "Does not subtract the mean.": edit("(returns - returns.mean())", "returns"),
        "Does not divide by the standard deviation.": edit(" / (returns.std() + 1e-8)", ""),
        "Divides by the variance.": edit("returns.std()", "returns.var()"),
        "Multiplies by the standard deviation.": edit("/ (returns", "* (returns"),
        "Normalises over the steps of each environment: how well it went there is lost.": edit(_NORMALISED, _OVER_TIME),
        "Stretches to the range from 0 to 1.": edit(_NORMALISED, _STRETCHED),
        "Equal returns become NaN.": edit("(returns.std() + 1e-8)", "returns.std()"),
    },
)
normalize_returns.call(
    "normalize_values",
    "Subtracts the mean and divides by the standard deviation, over all returns or per step.",
    judge=normalised,
    returns=uneven(),
)


@normalize_returns.check(points=0.25, extra=True, examples=10, value=st.integers(-3, 3), shape=several)
def normalize_equal(solution, value, shape):
    """Makes zeros, not NaN, of returns that are all equal."""
    return solution.normalize_returns(torch.full(shape, float(value)))


# %% compute_logprobs_and_entropy
Acted = namedtuple("Acted", "seed actions num_actions")  # actions: (env, time)


@st.composite
def acted(draw):
    num_actions = draw(st.sampled_from((2, 3, 4)))
    return Acted(draw(seeds), draw(whole_numbers(draw(grids), num_actions)), num_actions)


def log_policy(case, scale):
    """What small_policy says of these observations: the logarithm of each probability, (env, time, actions)."""
    with torch.no_grad():
        logits = small_policy(case.seed, 2, case.num_actions, scale)(noise(case.seed, *case.actions.shape, 2))
    return logits.double().log_softmax(dim=-1).numpy()


def _was_entropy(observed, taken):
    """Whether it is what ARENA had in the place of the entropy until 2026: averaged, or added up over time, or all."""
    old = -np.exp(taken) * taken  # (env, time)
    return any(abs(float(observed) - number) < 1e-4 for number in (old.mean(), old.sum(), old.sum(axis=1).mean()))


def some_entropy(observed, expected, inputs):
    """The mean entropy, or what ARENA had in its place until 2026."""
    words = difference(observed, expected)
    logs = log_policy(inputs["case"], 1.0)
    taken = np.take_along_axis(logs, inputs["case"].actions[..., None], axis=-1)[..., 0]
    return words and (None if _was_entropy(observed, taken) else words)


_ENTROPY = "dist.entropy()\n"
_LOGIT = "pi(tau.obs).gather(-1, tau.actions[..., None]).squeeze(-1)"
_OF_TAKEN = "-(dist.log_prob(tau.actions).exp() * dist.log_prob(tau.actions))\n"
_NAN = "-(pi(tau.obs).softmax(-1) * pi(tau.obs).softmax(-1).log()).sum(-1)\n"
compute_logprobs_and_entropy = section.exercise(
    "compute_logprobs_and_entropy",
    hints=[
        "pi takes observations with any axes in front. What shape does pi(tau.obs) have?",
        "torch.distributions has a class that takes logits, with methods for both things you need.",
        "Will anybody have to differentiate what you return? By what?",
    ],
    mistakes={
        "Takes logits for probabilities.": edit("logits=pi(tau.obs)", "probs=pi(tau.obs)"),
        "Returns probabilities, not their logarithms.": edit("log_prob(tau.actions)", "log_prob(tau.actions).exp()"),
        "Takes new actions, not those that were taken.": edit("(tau.actions)", "(dist.probs.argmax(-1))"),
        "Returns logits: they are no logarithms of probabilities.": edit("dist.log_prob(tau.actions)", _LOGIT),
        "The log-probabilities are detached: the policy never learns.": edit("tau.actions)", "tau.actions).detach()"),
        "The entropy is that of the taken actions only.": edit(_ENTROPY, _OF_TAKEN),
        "The entropy has the wrong sign.": edit(_ENTROPY, "-dist.entropy()\n"),
        "The mean of p ln p, not its sum over the actions.": edit(_ENTROPY, "dist.entropy() / dist.probs.shape[-1]\n"),
        "The entropy is detached: it can keep no policy undecided.": edit(_ENTROPY, "dist.entropy().detach()\n"),
        "Takes logarithms of vanished probabilities: the entropy becomes NaN.": edit(_ENTROPY, _NAN),
    },
)


@compute_logprobs_and_entropy.check(judge=near, case=acted())
def logprobs_values(solution, case):
    """Gives the logarithm of the probability of each taken action."""
    pi, taken = acting(*case)
    return solution.compute_logprobs_and_entropy(taken, pi)[0].detach()


@compute_logprobs_and_entropy.check(points=0.5, judge=near, examples=30, case=acted())
def logprobs_gradient(solution, case):
    """The log-probabilities keep their gradient by the parameters of the policy."""
    pi, taken = acting(*case)
    return gradients(solution.compute_logprobs_and_entropy(taken, pi)[0], pi.weight)


@compute_logprobs_and_entropy.check(points=0.5, judge=some_entropy, examples=50, case=acted())
def entropy_some(solution, case):
    """Says how undecided the policy was: a larger number, the more so."""
    pi, taken = acting(*case)
    return solution.compute_logprobs_and_entropy(taken, pi)[1].detach().mean()


@compute_logprobs_and_entropy.check(points=0.5, extra=True, judge=near, examples=50, case=acted())
def entropy_values(solution, case):
    """The entropy adds up over all actions that could have been taken, at each step."""
    pi, taken = acting(*case)
    return solution.compute_logprobs_and_entropy(taken, pi)[1].detach().mean()


@compute_logprobs_and_entropy.check(points=0.25, extra=True, judge=near, examples=30, case=acted())
def entropy_gradient(solution, case):
    """The entropy keeps its gradient by the parameters of the policy."""
    pi, taken = acting(*case)
    return gradients(solution.compute_logprobs_and_entropy(taken, pi)[1].mean(), pi.weight)


@compute_logprobs_and_entropy.check(points=0.25, extra=True, judge=roughly, examples=30, case=acted())
def logprobs_far_apart(solution, case):
    """Takes logits in the thousands: neither logarithms nor the entropy become infinite or NaN."""
    pi, taken = acting(*case, scale=5000.0)
    logprobs, entropy = solution.compute_logprobs_and_entropy(taken, pi)
    return logprobs.detach(), entropy.detach().mean()


# %% compute_importance_weights
Ratio = namedtuple("Ratio", "now then")  # log-probabilities, (env, time) each
clips = st.sampled_from((0.25, 0.5, 0.125))


@st.composite
def ratios(draw):
    shape = draw(grids)
    return Ratio(draw(tensors(shape, LOW)), draw(tensors(shape, LOW)))


_CLAMP = "iw.clamp(1 - clip_coef, 1 + clip_coef) if clip_coef else iw"
_GAP = "logprobs_taken.detach() - tau.logprobs"
_CLIPPED = f"({_GAP}).clamp(-clip_coef, clip_coef).exp()"
compute_importance_weights = section.exercise(
    "compute_importance_weights",
    hints=[
        "You have logarithms of the two probabilities. How does one get a quotient from them, without dividing?",
        "The policy has not changed since. What is every weight? Around which number is it clipped, then?",
        "Somebody multiplies log-probabilities by your weights and differentiates. What should the gradient not see?",
    ],
    mistakes={
        "The quotient is upside down.": edit(_GAP, "tau.logprobs - logprobs_taken.detach()"),
        "Stays with the difference of the logarithms.": edit("tau.logprobs).exp()", "tau.logprobs)"),
        "Divides logarithms by each other.": edit(f"({_GAP}).exp()", "logprobs_taken.detach() / tau.logprobs"),
        "Is not clipped.": edit(_CLAMP, "iw"),
        "Is clipped from above only.": edit("iw.clamp(1 - clip_coef, 1 + clip_coef)", "iw.clamp(max=1 + clip_coef)"),
        "Is clipped around 0, not around 1.": edit("1 - clip_coef, 1 +", "-clip_coef,"),
        "Clips the difference of the logarithms.": edit("iw.clamp(1 - clip_coef, 1 + clip_coef)", _CLIPPED),
        "Takes 0 for a width: all weights become 1.": edit("if clip_coef else", "if clip_coef is not None else"),
        "Is part of the graph: the gradient gets a second term.": edit("logprobs_taken.detach()", "logprobs_taken"),
    },
)


@compute_importance_weights.check(case=ratios())
def weights_unclipped(solution, case):
    """Without clipping, divides the probability of now by that of then."""
    default = inspect.signature(solution.compute_importance_weights).parameters["clip_coef"].default
    off = 0.0 if default == 0 else None  # some editions know the one, some the other
    return solution.compute_importance_weights(case.now, tau(logprobs=case.then), off)


@compute_importance_weights.check(case=ratios(), clip_coef=clips)
def weights_clipped(solution, case, clip_coef):
    """Clips weights to lie between 1 - c and 1 + c."""
    return solution.compute_importance_weights(case.now, tau(logprobs=case.then), clip_coef)


@compute_importance_weights.check(points=0.25, extra=True, examples=20, case=ratios())
def weights_off(solution, case):
    """Takes both None and 0 for no clipping."""
    return [solution.compute_importance_weights(case.now, tau(logprobs=case.then), off) for off in (None, 0.0)]


@compute_importance_weights.check(points=0.25, extra=True, examples=20, case=ratios(), clip_coef=clips)
def weights_are_numbers(solution, case, clip_coef):
    """No gradient goes through the weights."""
    free = leaf(case.now)
    return gradients(solution.compute_importance_weights(free, tau(logprobs=case.then), clip_coef), free)


# %% compute_reinforce_loss
Objective = namedtuple("Objective", "returns logprobs iw")


@st.composite
def objectives(draw):
    shape = draw(grids)
    return Objective(draw(tensors(shape)), draw(tensors(shape, LOW)), draw(tensors(shape, WEIGHTS)))


def averaged(observed, expected, inputs):
    """Averaged over everything, or added up over time."""
    words = difference(observed, expected, rtol=1e-4, atol=1e-5)
    steps = inputs["case"].returns.shape[1]
    if words is None or difference(observed, _times(expected, steps), rtol=1e-4, atol=1e-5) is None:
        return None
    return words


def _times(value, factor):
    """A number, an array or a list of them, multiplied."""
    return [_times(each, factor) for each in value] if isinstance(value, list) else (value * factor).astype(value.dtype)


compute_reinforce_loss = section.exercise(
    "compute_reinforce_loss",
    hints=[
        "Read the text once more: is it to be made large or small? What does that say of a minus?",
        "An action has earned a return of 5. In which direction should the gradient move its log-probability?",
        "Three tensors are multiplied. Which of them depends on the policy in a way that you want to differentiate?",
    ],
    mistakes={
        "The sign is flipped: it is an objective, to be maximised.": edit("return (iw", "return -(iw"),
        "Is detached: there is nothing left to differentiate.": edit("* logprobs_taken)", "* logprobs_taken.detach())"),
        "Adds up over everything; it is a mean.": edit("logprobs_taken).mean()", "logprobs_taken).sum()"),
        "Leaves the importance weights out.": edit("iw.detach() * ", ""),
        "The gradient goes through the importance weights as well.": edit("iw.detach()", "iw"),
        "The gradient goes through the returns, and a baseline in them.": edit("returns.detach()", "returns"),
        "Takes probabilities, not their logarithms.": edit("* logprobs_taken)", "* logprobs_taken.exp())"),
        "Multiplies means.": edit("returns.detach() * logprobs", "returns.detach()).mean() * (logprobs"),
        "Gives every step of an environment its first return.": edit("returns.detach()", "returns.detach()[:, :1]"),
        "Keeps one number for each environment.": edit("logprobs_taken).mean()", "logprobs_taken).mean(dim=1)"),
    },
)


@compute_reinforce_loss.check(judge=averaged, case=objectives())
def reinforce_values(solution, case):
    """Averages the products of weight, return and log-probability: an objective, without a minus."""
    return solution.compute_reinforce_loss(case.returns, case.logprobs, case.iw)


@compute_reinforce_loss.check(judge=averaged, case=objectives())
def reinforce_gradient(solution, case):
    """Its gradient goes through the log-probabilities, up for what earned something, down for what lost."""
    free = leaf(case.logprobs)
    return gradients(solution.compute_reinforce_loss(case.returns, free, case.iw), free)


@compute_reinforce_loss.check(points=0.5, extra=True, judge=averaged, examples=30, case=objectives())
def reinforce_numbers(solution, case):
    """Returns and weights are numbers: no gradient goes through them."""
    free = [leaf(case.returns), leaf(case.logprobs), leaf(case.iw)]
    return gradients(solution.compute_reinforce_loss(*free), *free)


# %% Rollout
@st.composite
def steps(draw, obs_shape=None, action_shape=()):
    """What is added to a rollout, step by step: obs, actions, logprobs, rewards and dones of all environments."""
    envs, count = draw(st.sampled_from(((1, 1), (1, 2), (2, 1), (2, 3), (3, 2))))
    shape = (1,) if obs_shape is None else draw(obs_shape)
    parts = (
        tensors((envs, *shape)),
        whole_numbers((envs, *action_shape), 4),
        tensors((envs,), LOW),
        tensors((envs,), HALVES),
        flags((envs,)),
    )
    return [tuple(draw(part).tolist() for part in parts) for _ in range(count)]


_DETACHED = "torch.as_tensor(values).detach()"
_SWAPPED = "(self.logprobs, rewards),\n            (self.rewards, logprobs)"
Rollout = section.exercise(
    "Rollout",
    hints=[
        "All tensors have the same first two axes. Which of them gets a new index with each step?",
        "How does add_step know where to write? Who counts?",
        "Which of the five holds truth values, and which whole numbers? What does ~ do to a tensor of floats?",
    ],
    mistakes={
        "The axes are (time, env), not (env, time).": [
            edit("shape = (num_envs, max_steps)", "shape = (max_steps, num_envs)"),
            edit("store[:, self.steps]", "store[self.steps]"),
        ],
        "Every step overwrites the first one.": edit("self.steps += 1", "self.steps += 0"),
        "Counts before it writes: the first place stays empty, and the last step finds none.": [
            edit("        for store, values in (", "        self.steps += 1\n        for store, values in ("),
            edit(f"{_DETACHED}  # (env, …)\n        self.steps += 1", f"{_DETACHED}"),
        ],
        "All five are floats: as indices or with ~ they fail later.": [
            edit("dtype=torch.int64", "dtype=torch.float32"),
            edit("dtype=torch.bool", "dtype=torch.float32"),
        ],
        "dones are floats: ~ and indexing fail later.": edit("dtype=torch.bool", "dtype=torch.float32"),
        "The log-probabilities keep their graph.": edit(_DETACHED, "torch.as_tensor(values)"),
        "Rewards and log-probabilities change places.": edit("(self.logprobs, logprobs)", _SWAPPED),
        "Observations are kept as whole numbers.": edit("*obs_shape, device", "*obs_shape, dtype=torch.int64, device"),
    },
)


@Rollout.check(examples=60, steps=steps())
def rollout_keeps(solution, steps):
    """Keeps what each step had, in tensors with the axes (env, time)."""
    return kept(filled(solution.Rollout, steps))


@Rollout.check(points=0.25, examples=20, steps=steps(st.sampled_from(((2,), (3, 2), ()))))
def rollout_of_arrays(solution, steps):
    """Takes observations of any shape."""
    return kept(filled(solution.Rollout, steps))[0]


@Rollout.check(points=0.5, examples=10, steps=steps())
def rollout_dones(solution, steps):
    """Keeps dones as bool, and actions as whole numbers."""
    rollout = filled(solution.Rollout, steps)
    return rollout.dones, str(rollout.actions.dtype)


@Rollout.check(points=0.25, extra=True, examples=5, num_envs=st.integers(1, 3), max_steps=st.integers(1, 3))
def rollout_begins(solution, num_envs, max_steps):
    """Begins with zeros, on the device it was told."""
    rollouts = [solution.Rollout(num_envs, max_steps, (2,), (), device) for device in ("cpu", "meta")]
    return kept(rollouts[0]), [part.device.type for part in kept(rollouts[1])]


@Rollout.check(points=0.25, extra=True, examples=20, steps=steps(action_shape=(2,)))
def rollout_of_action_vectors(solution, steps):
    """Takes actions of the shape it was told."""
    return kept(filled(solution.Rollout, steps, (2,)))[1]


@Rollout.check(points=0.25, extra=True, examples=20, steps=steps())
def rollout_takes_arrays(solution, steps):
    """Takes numpy arrays as well."""
    return kept(filled(solution.Rollout, steps, how=np.array))


@Rollout.check(points=0.25, extra=True, examples=20, steps=steps())
def rollout_copies(solution, steps):
    """Copies what it is handed: to change that afterwards changes nothing."""
    own = [tuple(map(torch.tensor, step)) for step in steps]
    rollout = filled(solution.Rollout, own)
    for part in (part for step in own for part in step):
        part.zero_()
    return kept(rollout)


@Rollout.check(points=0.25, extra=True, examples=20, steps=steps())
def rollout_without_graph(solution, steps):
    """Keeps the numbers of log-probabilities, not their graph."""
    graphs = [(obs, actions, leaf(torch.tensor(logprobs)), *rest) for obs, actions, logprobs, *rest in steps]
    return filled(solution.Rollout, graphs).logprobs.requires_grad


# %% VPGAgent
DRAWS = 3000
drawn_logits = st.permutations((0.0, 1.0, -1.0, 2.0)).map(lambda values: values[:3])


def softmax(inputs):
    weights = np.exp(np.array(inputs["logits"]))
    return weights / weights.sum()


def log_softmax(logits):
    logits = np.asarray(logits, dtype=np.float64)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def probable(observed, expected, inputs):
    """Some actions, (env,), and their log-probabilities, if there are any."""
    actions, logprobs = observed
    words = _no_actions(actions, expected[0].shape, inputs["obs"].shape[-1])
    if words or logprobs is None:
        return words
    wanted = np.take_along_axis(log_softmax(inputs["obs"]), actions.astype(int)[:, None], axis=1)[:, 0]
    words = difference(np.asarray(logprobs), wanted.astype(np.float32), rtol=1e-4, atol=1e-4)
    return words and f"the log-probabilities of the actions {actions.tolist()}: {words}"


def _no_actions(actions, shape, count):
    """Why these are no actions of so many, in words, or None."""
    if not isinstance(actions, np.ndarray) or actions.shape != shape:
        return f"the actions should have the shape {shape}"
    return None if np.isin(actions, np.arange(count)).all() else f"{actions.tolist()} are not all actions"


Script = namedtuple("Script", "obs rewards ends")  # (time + 1, env, 2), (time, env), a text for each step


@st.composite
def scripts(draw, letters=".T", most=3):
    envs, count = draw(st.sampled_from(((1, 1), (1, 2), (2, 1), (2, 3), (1, 3))))
    obs = draw(tensors((count + 1, envs, 2), HALVES[:9])).tolist()
    ends = [draw(st.text(letters, min_size=envs, max_size=envs)) for _ in range(count)]
    return Script(obs, draw(tensors((count, envs))).tolist(), ends)


def acted_out(observed, expected, inputs):
    """A rollout whose actions were drawn: obs, rewards and dones of the script, and actions that were really taken."""
    (obs, actions, logprobs, rewards, dones), taken = observed
    for name, mine, other in zip(
        ("obs", "rewards", "dones"), (obs, rewards, dones), (expected[0][0], *expected[0][3:]), strict=True
    ):
        words = difference(mine, other)
        if words:
            return f"{name}: {words}"
    words = _no_actions(actions, dones.shape, 2)
    if words or difference(taken, np.asarray(actions).T):
        return (
            words
            or f"the rollout says that the actions {actions.T.tolist()} were taken, and they were {taken.tolist()}"
        )
    wanted = np.take_along_axis(log_softmax(obs), actions[..., None], axis=-1)[..., 0]
    words = difference(np.asarray(logprobs), wanted.astype(np.float32), rtol=1e-4, atol=1e-4)
    return words and f"logprobs of the actions {actions.tolist()}: {words}"


_SIGMOID = "Categorical(probs=self.pi(torch.as_tensor(obs)).sigmoid()"
_BEGUN = "self.envs.reset() if not hasattr(self, 'begun') else (obs, 0)\n        self.begun = True"
VPGAgent = section.exercise(
    "VPGAgent",
    hints=[
        "self.pi gives logits. Which class of torch.distributions draws from them, and tells how probable it was?",
        "One step: what is known before the action, and what only after it? Which observation belongs to the action?",
        "The environments do not care about gradients, and neither does what is collected. How do you say so to torch?",
    ],
    mistakes={
        "Takes the most probable action: nothing else is ever tried.": edit(".sample()", ".logits.argmax(dim=-1)"),
        "Draws without looking at the policy.": edit("Categorical(logits=self.pi", "Categorical(logits=0 * self.pi"),
        "Draws one action for all environments.": edit(".sample()", ".sample()[:1].expand(len(dist.logits))"),
        "Takes logits for probabilities.": edit("Categorical(logits=self.pi(torch.as_tensor(obs))", _SIGMOID),
        "Every call draws the same.": edit("        with torch", "        torch.manual_seed(0)\n        with torch"),
        "Returns probabilities, not their logarithms.": edit("log_prob(actions)", "log_prob(actions).exp()"),
        "Keeps the graph: memory grows with each step that is collected.": edit("with torch.no_grad():", "if True:"),
        "Writes down the next observation, not what led to the action.": edit("add_step(obs", "add_step(next_obs"),
        "Never looks again: every action is chosen by the first observation.": edit("            obs = next_obs\n", ""),
        "Takes only terminated for done.": edit("terminated | truncated", "terminated"),
        "Takes only truncated for done.": edit("terminated | truncated", "truncated"),
        "Writes down other actions than it takes.": edit("step(actions.", "step(self.get_actions(obs)[0]."),
        "Does not reset the environments for the second rollout.": edit("self.envs.reset()", _BEGUN),
    },
)


@VPGAgent.check(judge=distributed_as(probabilities=softmax), examples=4, logits=drawn_logits)
def actions_drawn(solution, logits):
    """Draws each environment's action for itself, by the probabilities of the policy."""
    obs = np.array([logits] * DRAWS, dtype=np.float32)
    return chosen(agent(solution.VPGAgent, watched(1, 3, 3), Repeats()), obs)[0]


@VPGAgent.check(points=0.25, judge=by_call, examples=2, logits=drawn_logits)
def actions_drawn_anew(solution, logits):
    """Draws anew at each call."""
    obs = np.array([logits] * DRAWS, dtype=np.float32)
    player = agent(solution.VPGAgent, watched(1, 3, 3), Repeats())
    return torch.stack([chosen(player, obs)[0] for _ in range(2)], dim=1)


@VPGAgent.check(points=0.75, judge=probable, obs=grids.flatmap(lambda shape: tensors((shape[0], 3), HALVES)))
def actions_logprobs(solution, obs):
    """Gives the logarithms of the probabilities of the actions it has drawn."""
    return chosen(agent(solution.VPGAgent, watched(len(obs), 3, 3), Repeats()), obs.numpy())


@VPGAgent.check(points=1.5, judge=acted_out, examples=50, case=scripts())
def rollout_belongs_together(solution, case):
    """Writes down what belongs together: what was seen, what was done because of it, what that has earned."""
    return played_by(solution.VPGAgent, case.obs, case.rewards, case.ends)


@VPGAgent.check(points=0.5, judge=acted_out, examples=50, case=scripts(".TU"))
def rollout_ends(solution, case):
    """An episode is done if it was terminated or truncated, and the next one follows."""
    return played_by(solution.VPGAgent, case.obs, case.rewards, case.ends)


@VPGAgent.check(points=0.25, extra=True, judge=acted_out, examples=20, case=scripts())
def rollout_once_more(solution, case):
    """Each rollout begins with a reset."""
    return played_by(solution.VPGAgent, case.obs, case.rewards, case.ends, times=2)


@VPGAgent.check(points=0.25, extra=True, examples=5, size=st.integers(2, 4))
def actions_without_graph(solution, size):
    """What it returns has no graph."""
    logprobs = chosen(agent(solution.VPGAgent, watched(2, size, size), Repeats()), np.zeros((2, size), "float32"))[1]
    return logprobs is not None and logprobs.requires_grad


# %% VPGTrainer
def same_way(observed, expected, inputs):
    """A gradient that is a positive multiple of the expected one: normalising by n - 1 or n, and a sum over time."""
    words = difference(observed, expected, rtol=1e-3, atol=1e-4)
    if words is None or not isinstance(observed, np.ndarray) or observed.shape != expected.shape:
        return words
    factor = float((observed * expected).sum() / max((expected * expected).sum(), 1e-12))
    if factor < -1e-3:
        return f"{words} (the gradient points the other way)"
    if 0.5 < factor < 2 * inputs["steps"] and difference(observed / factor, expected, rtol=1e-3, atol=1e-3) is None:
        return None
    return words


def entropy_added(observed, expected, inputs):
    """The mean entropy, or what ARENA had in its place until 2026."""
    words = difference(observed, expected, rtol=1e-3, atol=1e-4)
    case = played(inputs["seed"], inputs["steps"], 0.5)
    with torch.no_grad():
        logs = small_policy(inputs["seed"], 2, 2)(case.obs).log_softmax(dim=-1)
    taken = logs.gather(-1, case.actions[..., None])[..., 0].numpy()
    return words and (None if _was_entropy(observed, taken) else words)


_RETURNS = "compute_returns(tau.rewards, tau.dones, self.args.gamma)"
VPGTrainer = section.exercise(
    "VPGTrainer",
    hints=[
        "Which of your functions takes rewards and dones, and which takes what it returns?",
        "What do the last two functions need that the first two do not give? Who computes it?",
        "It is an objective. Is it good or bad if the policy is undecided, and what sign does the entropy get?",
    ],
    mistakes={
        "The sign is flipped: this is an objective, to be maximised.": edit("return compute", "return -compute"),
        "Takes the rewards of single steps, not the returns.": edit(_RETURNS, "tau.rewards"),
        "Returns are not normalised: there is no baseline.": edit("normalize_returns(", "("),
        "Takes the usual gamma, not that of its args.": edit(", self.args.gamma", ""),
        "Knows of no ends: rewards of the next episode count as well.": edit("tau.dones,", "tau.dones & False,"),
        "Takes the log-probabilities of then.": edit("(returns, logprobs_taken", "(returns, tau.logprobs"),
        "Leaves the importance weights out.": edit("logprobs_taken, iw)", "logprobs_taken, torch.ones_like(returns))"),
        "Importance weights are not clipped.": edit(", self.args.clip_coef", ", None"),
        "The entropy is subtracted: the policy is soon sure.": edit("+ self.args.ent_coef", "- self.args.ent_coef"),
        "There is no entropy in it.": edit(" + self.args.ent_coef * entropy.mean()", ""),
        "The entropy has its full weight, whatever ent_coef is.": edit("self.args.ent_coef * entropy", "entropy"),
        "Adds the entropies of all steps up; the text asks for their mean.": edit("entropy.mean()", "entropy.sum()"),
    },
)


@VPGTrainer.check(points=2, judge=same_way, seed=seeds, steps=st.integers(1, 3), clip_coef=clips)
def trainer_gradient(solution, seed, steps, clip_coef):
    """The gradient makes actions more probable after which more than usual was earned: it is an objective."""
    pi = small_policy(seed, 2, 2)
    learner = trainer(solution.VPGTrainer, pi, gamma=0.5, clip_coef=clip_coef)
    return gradients(objective(learner, played(seed, steps, 0.5)), pi.weight)[0]


@VPGTrainer.check(points=0.5, judge=entropy_added, examples=40, seed=seeds, steps=st.integers(1, 3))
def trainer_entropy(solution, seed, steps):
    """Adds ent_coef times the entropy."""
    with_and_without = [trainer(solution.VPGTrainer, small_policy(seed, 2, 2), ent_coef=coef) for coef in (0.5, 0.0)]
    more, less = (objective(learner, played(seed, steps, 0.5)).item() for learner in with_and_without)
    return (more - less) / 0.5


@VPGTrainer.check(points=0.25, extra=True, judge=near, examples=30, seed=seeds, steps=st.integers(1, 3))
def trainer_entropy_gradient(solution, seed, steps):
    """The entropy is the mean over all steps, and its gradient reaches the policy."""
    pi = small_policy(seed, 2, 2)
    with_and_without = [trainer(solution.VPGTrainer, pi, ent_coef=coef) for coef in (0.5, 0.0)]
    more, less = (gradients(objective(learner, played(seed, steps, 0.5)), pi.weight)[0] for learner in with_and_without)
    return more - less


# %% ValueNetwork
ValueNetwork = section.exercise(
    "ValueNetwork",
    hints=[
        "It is a PolicyNetwork with a single output. What shape does that have, and what shape is asked for?",
        "What is (batch, 1) minus (batch,)? Try it with a batch of three.",
    ],
    mistakes={
        **mistakes_of_networks("nn.Linear(sizes[-1], 1)"),
        "Keeps an axis of size one: differences from returns become tables, (batch, batch).": edit(".squeeze(-1)", ""),
        "Drops every axis of size one, the batch's too.": edit(".squeeze(-1)", ".squeeze()"),
    },
)


@ValueNetwork.check(judge=near, examples=40, case=networks(), leading=leadings)
def value_values(solution, case, leading):
    """Maps each observation to a number of any sign, without an axis of size one."""
    return answers(solution.ValueNetwork, case.seed, leading, case.obs_shape, case.hidden_sizes)


@ValueNetwork.check(points=0.25, examples=10, size=st.integers(1, 5))
def value_sizes(solution, size):
    """Has hidden layers of 120 and 84 units unless others are asked for."""
    return sizes(solution.ValueNetwork((size,)))


@ValueNetwork.check(points=0.25, judge=near, case=networks(), leading=st.sampled_from(((1,), (1, 2), (2, 1))))
def value_of_one(solution, case, leading):
    """Keeps the axes before those of an observation, also of size one."""
    return answers(solution.ValueNetwork, case.seed, leading, case.obs_shape, case.hidden_sizes)


@ValueNetwork.check(points=0.25, extra=True, judge=near, case=networks(of_arrays, _DEPTHS), leading=leadings)
def value_of_arrays(solution, case, leading):
    """Flattens observations of several axes, and has as many hidden layers as sizes are given."""
    return answers(solution.ValueNetwork, case.seed, leading, case.obs_shape, case.hidden_sizes)


# %% compute_baseline_advantages
Judged = namedtuple("Judged", "returns values")


@st.composite
def judged(draw):
    shape = draw(grids)
    return Judged(draw(tensors(shape)), draw(tensors(shape)))


compute_baseline_advantages = section.exercise(
    "compute_baseline_advantages",
    hints=[
        "The critic has expected 5, and 10 came. Is that good or bad news, and by how much?",
        "The policy's objective is differentiated. Which of its parts would move the critic?",
    ],
    mistakes={
        "The sign is flipped: good news count as bad.": edit("returns - values.detach()", "values.detach() - returns"),
        "The gradient goes through the baseline, and moves the critic.": edit("values.detach()", "values"),
        "There is no baseline.": edit("returns - values.detach()", "returns.clone()"),
        "Subtracts the mean of the values, whatever was seen.": edit("values.detach()", "values.detach().mean()"),
    },
)
compute_baseline_advantages.call(
    "advantages_values", "Says how much more has come than was expected.", points=0.5, case=judged()
)


@compute_baseline_advantages.check(points=0.5, examples=20, case=judged())
def advantages_are_numbers(solution, case):
    """No gradient goes through the baseline."""
    free = leaf(case.values)
    return gradients(solution.compute_baseline_advantages(case.returns, free), free)


# %% compute_td_advantages
Foreseen = namedtuple("Foreseen", "rewards values next_values terminated gamma")


@st.composite
def foreseen(draw, ends=True):
    shape = draw(grids)
    terminated = flags(shape) if ends else st.just(torch.zeros(shape, dtype=torch.bool))
    return Foreseen(*(draw(tensors(shape)) for _ in range(3)), draw(terminated), draw(gammas))


_TD = "rewards + gamma * next_values * ~terminated - values"
compute_td_advantages = section.exercise(
    "compute_td_advantages",
    hints=[
        "The first step of the example: what was expected, what came, and what is expected now?",
        "The episode was terminated. What can still be earned, and what does next_values say of it?",
        "The result is a number for the policy's objective. From how many tensors could a gradient leak into it?",
    ],
    mistakes={
        "Bootstraps where nothing is left: terminated is ignored.": edit(" * ~terminated", ""),
        "Keeps the next value only where the episode was terminated.": edit("~terminated", "terminated"),
        "Masks the last reward as well.": edit(_TD, "(rewards + gamma * next_values) * ~terminated - values"),
        "The last step teaches nothing.": edit(_TD, "(rewards + gamma * next_values - values) * ~terminated"),
        "Does not discount.": edit("gamma * next_values", "next_values"),
        "Discounts the old value as well.": edit(_TD, "rewards + gamma * (next_values * ~terminated - values)"),
        "The sign is flipped: good news count as bad.": edit(f"({_TD})", f"(-({_TD}))"),
        "Never subtracts what was expected: it is the target, not the advantage.": edit(" - values)", ")"),
        "The gradient goes through both values, and moves the critic.": edit(").detach()", ")"),
        "The gradient goes through the baseline.": edit(" - values).detach()", ").detach() - values"),
        "The gradient goes through the next value.": edit(" - values).detach()", ") - values.detach()"),
    },
)
compute_td_advantages.call(
    "td_values", "Adds the discounted next value to the reward, and subtracts the old value.", case=foreseen(ends=False)
)
compute_td_advantages.call(
    "td_terminated", "After a terminated step nothing is to be expected.", points=0.5, case=foreseen()
)


@compute_td_advantages.check(points=0.5, examples=20, case=foreseen())
def td_are_numbers(solution, case):
    """No gradient goes through the values."""
    free = [leaf(case.values), leaf(case.next_values)]
    return gradients(solution.compute_td_advantages(case.rewards, *free, case.terminated, 0.5), *free)


# %% compute_bootstrapped_returns
Cut = namedtuple("Cut", "rewards terminated truncated next_values gamma")


@st.composite
def cuts(draw, terminated=False, truncated=False):
    shape = draw(grids)
    never = torch.zeros(shape, dtype=torch.bool)
    ends = [draw(flags(shape)) if wanted else never for wanted in (terminated, truncated)]
    return Cut(draw(tensors(shape)), *ends, draw(tensors(shape)), draw(gammas))


_CUT = "ahead = torch.where(truncated[:, time], next_values[:, time].detach(), ahead)"
compute_bootstrapped_returns = section.exercise(
    "compute_bootstrapped_returns",
    hints=[
        "It is compute_returns with something else at the ends. With what does the sum begin?",
        "Three cases for each step: which number is multiplied by γ in each of them?",
        "If a step is both terminated and truncated, which of the two must have the last word?",
    ],
    mistakes={
        "The last step is not bootstrapped.": edit("next_values[:, -1].detach()", "0 * rewards[:, 0]"),
        "Truncated counts as terminated: nothing follows.": edit(_CUT, "ahead = ahead * ~truncated[:, time]"),
        "Truncation is not seen: rewards of the next episode count.": edit(f"        {_CUT}  # (env,)\n", ""),
        "Terminated is not seen: it bootstraps where nothing is left.": edit(" * ~terminated[:, time]", ""),
        "Terminated counts as truncated: it bootstraps there, too.": [
            edit("torch.where(truncated[:, time],", "torch.where(truncated[:, time] | terminated[:, time],"),
            edit(" * ~terminated[:, time]", ""),
        ],
        "Bootstraps at every step.": edit("(truncated[:, time]", "(truncated[:, time] | True"),
        "Bootstraps by the value of the step before.": edit("next_values[:, time]", "next_values[:, time - 1]"),
        "Does not discount.": edit("gamma * ahead", "ahead"),
        "A truncated reward is lost.": edit("rewards[:, time] +", "rewards[:, time] * ~truncated[:, time] +"),
        "A step that is both counts as truncated.": edit("~terminated[:, time]", "(~terminated | truncated)[:, time]"),
        "The gradient goes through the targets: the critic moves them towards itself.": [
            edit("next_values[:, -1].detach()", "next_values[:, -1]"),
            edit("next_values[:, time].detach()", "next_values[:, time]"),
        ],
    },
)
compute_bootstrapped_returns.call(
    "bootstrapped_at_the_last_step", "The critic's value stands for what comes after the last step.", case=cuts()
)
compute_bootstrapped_returns.call(
    "bootstrapped_terminated", "After a terminated step nothing is left.", points=0.5, case=cuts(terminated=True)
)
compute_bootstrapped_returns.call(
    "bootstrapped_truncated",
    "The critic's value stands for what a truncated episode would have earned.",
    points=0.75,
    case=cuts(truncated=True),
)
compute_bootstrapped_returns.call(
    "bootstrapped_both",
    "A step that is terminated and truncated is terminated.",
    points=0.25,
    case=cuts(terminated=True, truncated=True),
)


@compute_bootstrapped_returns.check(points=0.5, examples=20, case=cuts(truncated=True))
def bootstrapped_are_numbers(solution, case):
    """No gradient goes through the critic's values."""
    free = leaf(case.next_values)
    returns = solution.compute_bootstrapped_returns(case.rewards, case.terminated, case.truncated, free, 0.5)
    return gradients(returns, free)


# %% compute_actor_critic_loss
Step = namedtuple("Step", "logits actions rewards terminated values next_values")


@st.composite
def transitions(draw):
    batch = draw(st.sampled_from((1, 2, 3)))
    numbers = (draw(tensors((batch,))) for _ in range(3))
    logits, actions = draw(tensors((batch, 2), HALVES[:7])), draw(whole_numbers((batch,), 2))
    return Step(logits, actions, next(numbers), draw(flags((batch,))), *numbers)


_ACTOR = "-(advantages * dist.log_prob(actions)).mean()"
_SURPRISE = "(-dist.log_prob(actions).exp() * dist.log_prob(actions))"
_SCALED = "    advantages = (advantages - advantages.mean()) / (advantages.std(correction=0) + 1e-8)\n    dist ="
compute_actor_critic_loss = section.exercise(
    "compute_actor_critic_loss",
    hints=[
        "A loss is minimised. Which of the three terms do you want to be large, and which small?",
        "Write down for each term which of logits, values and next_values it is to move. What must be a number in it?",
        "Work out target and advantage first: they stand in two terms, and nothing goes through either into the actor.",
    ],
    mistakes={
        "The actor's term has the wrong sign: this is a loss, to be minimised.": edit(_ACTOR, _ACTOR[1:]),
        "All signs are flipped.": [edit("return policy_loss +", "return -policy_loss -"), edit("- ent_", "+ ent_")],
        "The entropy is added to the loss: the actor becomes sure as soon as it can.": edit("- ent_coef", "+ ent_coef"),
        "The critic's term is subtracted.": edit("+ vf_coef", "- vf_coef"),
        "The actor's term moves the critic: the baseline is not detached.": edit("values.detach()", "values"),
        "The targets are not detached: the critic moves them.": edit("~terminated).detach()", "~terminated)"),
        "Nothing is detached: the actor's term moves the critic, and the critic its own target.": [
            edit("values.detach()", "values"),
            edit("~terminated).detach()", "~terminated)"),
        ],
        "The critic's term is detached: it never learns.": edit(".square().mean()", ".square().mean().detach()"),
        "The actor's term is detached: it never learns.": edit("(actions)).mean()", "(actions)).mean().detach()"),
        "The entropy is detached: it keeps nothing undecided.": edit("entropy().mean()", "entropy().mean().detach()"),
        "Bootstraps where nothing is left: terminated is ignored.": edit(" * ~terminated", ""),
        "Does not discount.": edit("gamma * next_values", "next_values"),
        "There is no baseline: takes the target for the advantage.": edit("targets - values.detach()", "targets"),
        "The critic's error is halved; the text has no ½.": edit("value_loss = (", "value_loss = 0.5 * ("),
        "Adds the actor's term up over the batch; it is a mean.": edit("(actions)).mean()", "(actions)).sum()"),
        "vf_coef and ent_coef change places.": [
            edit("vf_coef * value_loss", "ent_coef * value_loss"),
            edit("ent_coef * dist", "vf_coef * dist"),
        ],
        "The entropy is that of the taken actions only.": edit("dist.entropy()", _SURPRISE),
        "Normalises the advantages, which the text does not ask for.": edit("    dist =", _SCALED),
    },
)


@compute_actor_critic_loss.check(judge=near, case=transitions())
def actor_critic_values(solution, case):
    """Is a loss of three terms: the actor's and the entropy with a minus, the critic's with a plus."""
    return solution.compute_actor_critic_loss(
        *undecided(len(case.rewards)), case.rewards, case.terminated, case.values, case.next_values, 0.5, 1.0, 0.25
    )


@compute_actor_critic_loss.check(judge=near, case=transitions())
def actor_gradient(solution, case):
    """Moves the actor towards actions that were better than expected, and keeps it undecided."""
    free = leaf(case.logits)
    return gradients(
        solution.compute_actor_critic_loss(
            free, case.actions, case.rewards, case.rewards.isfinite(), case.values, case.values
        ),
        free,
    )


@compute_actor_critic_loss.check(judge=near, case=transitions())
def critic_gradient(solution, case):
    """Moves the critic's value towards the target by the second term only, and not the target."""
    free = [leaf(case.values), leaf(case.next_values)]
    return gradients(
        solution.compute_actor_critic_loss(*undecided(len(case.rewards)), case.rewards, case.terminated, *free, 0.5),
        *free,
    )


@compute_actor_critic_loss.check(points=0.25, judge=near, examples=20, case=transitions())
def actor_critic_by_default(solution, case):
    """Takes gamma = 0.99, vf_coef = 0.5 and ent_coef = 0.01 unless it is told otherwise."""
    return solution.compute_actor_critic_loss(*case)
