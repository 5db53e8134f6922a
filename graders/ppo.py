"""Checks of the section `ppo`: networks, advantages, memory, acting, objectives, learning, continuous actions.

Functions of numbers are compared number by number, and their gradients too: an objective of the right value may be
detached, or go the wrong way. Agents play scripts (`exercises/given/fake_envs.py`), and trainers learn from minibatches
that are handed to them, so that no check needs a training run. Minibatches are judged by what holds for every division
and by the distribution of divisions.

Where editions of the curriculum differ, all are right: `exercises/given/ppo_examples.py` asks pieces for their
signatures. A value loss with or without ½, flags of truncated episodes, a scheduler that steps by phase or by
minibatch, minibatches in a list or in an array: either is accepted. Flags are handed over as floats.

Of the curriculum get_actor_and_critic, which only chooses, is given; networks for Atari need environments that are not
here. The probe environments are exercises of the section `dqn`, and given here. The tree search of 2026 is left to a
section of its own. `bootstrap_truncated` is new: it tells a truncated episode from a terminated one.
"""

from collections import namedtuple

import numpy as np
import torch
from hypothesis import strategies as st
from torch import nn
from torch.distributions import Categorical, Normal
from torch.nn.utils import parameters_to_vector

from exercises.given.ppo_examples import (
    Rollout,
    by_rounds,
    columns,
    fill,
    handed_out,
    indices_of,
    layers,
    minibatch,
    network,
    objective_of,
    optimizer_of,
    played,
    slopes,
    told,
    trainer_of,
    two_networks,
)
from graders.engine import HALVES, NONZERO, WHOLE, Section, close, difference, distributed_as, edit, tensors

section = Section("ppo", title="Proximal policy optimisation")
deep = close(rtol=1e-3, atol=1e-4)  # some layers in single precision, in any order of summation
seeds = st.integers(0, 999)
gammas = st.sampled_from((0.5, 0.75, 0.9))
rates = st.sampled_from((0.5, 0.25, 0.125))
two_calls = ("one call", "the next call")


# %% layer_init
def stretch(weight):
    """The smallest and the largest singular value: between them lies what the matrix does to a vector's length."""
    values = torch.linalg.svdvals(weight.detach())
    return torch.stack([values.min(), values.max()])


layer_init = section.exercise(
    "layer_init",
    hints=[
        "torch.nn.init has a method for orthogonal matrices. What is its second argument called there?",
        "The methods of torch.nn.init that end with an underscore change a tensor in place. What do you return?",
    ],
    mistakes={
        "Weights are drawn independently: some directions grow, others fade.": edit(
            "orthogonal_(layer", "normal_(layer"
        ),
        "The stretch is 1, whatever std is.": edit("layer.weight, std)", "layer.weight)"),
        "The biases stay as torch has drawn them.": edit("    nn.init.constant_(layer.bias, bias_const)\n", ""),
        "The biases are 0, whatever bias_const is.": edit("layer.bias, bias_const)", "layer.bias, 0.0)"),
        "Leaves the layer alone and returns another one.": edit(
            "    nn.init.orth", "    layer = nn.Linear(layer.in_features, layer.out_features)\n    nn.init.orth"
        ),
        "Nothing is left to chance.": edit(
            "nn.init.orthogonal_(layer.weight, std)", "layer.weight.data = std * torch.eye(*layer.weight.shape)"
        ),
    },
)
layer_sizes = st.permutations((1, 2, 3, 5)).map(lambda sizes: sizes[:2])


@layer_init.check(points=0.5, examples=30, sizes=layer_sizes, std=st.sampled_from((0.5, 2.0, 0.01)))
def layer_is_orthogonal(solution, sizes, std):
    """Makes the weight an orthogonal matrix times std, in place, and returns the same layer."""
    layer = nn.Linear(*sizes)
    returned = solution.layer_init(layer, std)
    return stretch(layer.weight), returned is layer


@layer_init.check(points=0.25, examples=20, sizes=layer_sizes, bias_const=st.sampled_from((0.5, -1.0)))
def layer_biases(solution, sizes, bias_const):
    """Sets all biases to bias_const."""
    return solution.layer_init(nn.Linear(*sizes), 1.0, bias_const).bias.detach()


@layer_init.check(points=0.25, examples=10, sizes=layer_sizes)
def layer_defaults(solution, sizes):
    """By default, stretches by sqrt(2) and sets biases to 0."""
    layer = solution.layer_init(nn.Linear(*sizes))
    return stretch(layer.weight), layer.bias.detach()


@layer_init.check(points=0.5, judge=distributed_as(columns=two_calls), examples=2, num_in=st.integers(2, 4))
def layer_is_random(solution, num_in):
    """Draws the matrix at random, and anew in each call."""
    calls = [[solution.layer_init(nn.Linear(num_in, 3)).weight[0, 0] for _ in range(600)] for _ in range(2)]
    return torch.tensor(calls).T


# %% get_actor_and_critic_classic
def first_stretches(module):
    """How each linear layer begins: the stretch of its weights, and its largest bias."""
    return [(stretch(layer.weight), layer.bias.abs().max().item()) for layer in layers(module)]


Sizes = namedtuple("Sizes", "num_obs num_actions")
net_sizes = st.permutations((2, 3, 4, 5)).map(lambda sizes: Sizes(*sizes[:2]))
_LAST = "layer_init(nn.Linear(64, num_out), std=std),"
get_actor_and_critic_classic = section.exercise(
    "get_actor_and_critic_classic",
    aliases=["get_actor_and_critic"],
    hints=[
        "What do the two networks have in common, and in which two numbers do they differ? A function may make both.",
        "How near to each other are the probabilities of the actions if all logits are about 0.01?",
        "Is there a tanh after the last layer? May a value be 20?",
    ],
    mistakes={
        "The actor's last layer has a std of 1: it begins with strong opinions.": edit(
            "(num_actions, 0.01)", "(num_actions, 1.0)"
        ),
        "Both last layers have a std of 0.01.": edit("mlp(1, 1.0)", "mlp(1, 0.01)"),
        "Layers are made without layer_init.": [
            edit("layer_init(nn.Linear(num_obs, 64))", "nn.Linear(num_obs, 64)"),
            edit("layer_init(nn.Linear(64, 64))", "nn.Linear(64, 64)"),
        ],
        "The critic comes first.": edit(
            "return mlp(num_actions, 0.01), mlp(1, 1.0)", "return mlp(1, 1.0), mlp(num_actions, 0.01)"
        ),
        "The two networks share their hidden layers.": edit(
            "return mlp(num_actions, 0.01), mlp(1, 1.0)",
            "actor = mlp(num_actions, 0.01)\n    return actor, nn.Sequential(*actor[:-1], mlp(1, 1.0)[-1])",
        ),
        "The critic has an output for each action.": edit("mlp(1, 1.0)", "mlp(num_actions, 1.0)"),
        "There is a tanh after the last layer: no value can be larger than 1.": edit(
            _LAST, f"{_LAST}\n            nn.Tanh(),"
        ),
        "There is ReLU in the place of tanh.": [
            edit(
                "64)),\n            nn.Tanh(),\n            layer_init(nn.Linear(64, 64)),\n            nn.Tanh()",
                "64)),\n            nn.ReLU(),\n            layer_init(nn.Linear(64, 64)),\n            nn.ReLU()",
            ),
        ],
        "Returns probabilities, not logits.": edit(
            "return mlp(num_actions, 0.01)", "return nn.Sequential(*mlp(num_actions, 0.01), nn.Softmax(dim=-1))"
        ),
    },
)


@get_actor_and_critic_classic.check(judge=deep, examples=20, case=net_sizes, seed=seeds, batch=st.integers(1, 3))
def networks_compute(solution, case, seed, batch):
    """Makes an actor and a critic of three linear layers with tanh between them."""
    nets = two_networks(solution.get_actor_and_critic_classic, *case)
    obs = torch.arange(1.0, batch * case.num_obs + 1).reshape(batch, -1) / 4
    return [fill(net, seed)(obs).detach() for net in nets]


@get_actor_and_critic_classic.check(points=0.5, judge=deep, examples=5, case=net_sizes)
def networks_start(solution, case):
    """Starts with orthogonal layers: the hidden ones by sqrt(2), the actor's last by 0.01, the critic's by 1."""
    return [first_stretches(net) for net in two_networks(solution.get_actor_and_critic_classic, *case)]


@get_actor_and_critic_classic.check(points=0.5, examples=5, case=net_sizes)
def networks_share_nothing(solution, case):
    """The two networks have no parameter in common."""
    nets = two_networks(solution.get_actor_and_critic_classic, *case)
    return len({id(part) for net in nets for part in net.parameters()})


# %% bootstrap_truncated
Cut = namedtuple("Cut", "rewards terminated truncated final_values gamma")


@st.composite
def cuts(draw, both=False, unknown=False):
    """Steps of which one or more were truncated; `both`: and terminated; `unknown`: the others have no final value."""
    shape = draw(st.sampled_from(((3,), (2, 3), (2,), (4, 1))))
    truncated = draw(tensors(shape, (1, 0)))
    terminated = draw(tensors(shape, (0, 1))) if both else (1 - truncated) * draw(tensors(shape, (0, 1)))
    values = draw(tensors(shape, NONZERO))
    values = torch.where(truncated == 1, values, torch.nan) if unknown else values
    return Cut(draw(tensors(shape)), terminated, truncated, values, draw(gammas))


bootstrap_truncated = section.exercise(
    "bootstrap_truncated",
    hints=[
        "A pole falls in the very step in which the time is up. What is there to be earned after that?",
        "What is 0 times NaN? Which function of torch chooses between two tensors without multiplying?",
    ],
    mistakes={
        "Takes terminated episodes for those that were cut off.": edit(
            "(truncated == 1) & (terminated == 0)", "(terminated == 1) & (truncated == 0)"
        ),
        "Adds the final value wherever an episode has ended.": edit(
            "(truncated == 1) & (terminated == 0)", "(truncated == 1) | (terminated == 1)"
        ),
        "Adds it also where the episode was terminated in the same step.": edit(" & (terminated == 0)", ""),
        "Adds it everywhere, whether an episode has ended or not.": edit(
            "cut_off, rewards + gamma", "cut_off | True, rewards + gamma"
        ),
        "Does not discount.": edit("rewards + gamma * final_values", "rewards + final_values"),
        "Puts the value in the place of the reward.": edit("rewards + gamma * final_values", "gamma * final_values"),
        "Multiplies by the flag: NaN times 0 is NaN.": edit(
            "torch.where(cut_off, rewards + gamma * final_values, rewards)",
            "rewards + gamma * final_values * cut_off.float()",
        ),
        "Changes the rewards that it was given.": edit(
            "return torch.where(cut_off, rewards + gamma * final_values, rewards)",
            "rewards[cut_off] += gamma * final_values[cut_off]\n    return rewards",
        ),
    },
)
bootstrap_truncated.call(
    "cut_off_values", "Adds the discounted final value where an episode was truncated.", points=0.5, case=cuts()
)
bootstrap_truncated.call(
    "cut_off_and_terminated", "Adds nothing where it was terminated as well.", points=0.5, case=cuts(both=True)
)
bootstrap_truncated.call(
    "cut_off_unknown",
    "Never looks at final values where no episode was truncated.",
    points=0.25,
    extra=True,
    examples=50,
    case=cuts(unknown=True),
)


# %% compute_advantages
Steps = namedtuple("Steps", "next_value next_terminated rewards values terminated gamma gae_lambda")


@st.composite
def rollouts(draw, ends=False, gammas=gammas, lambdas=gammas):
    """Steps of environments side by side; `ends`: at least one of the flags is set."""
    steps, envs = draw(st.permutations((1, 2, 3, 4)))[:2]
    flags = torch.zeros(steps + 1, envs)
    if ends:
        flags = draw(tensors((steps + 1, envs), (0, 1)))
        flags[draw(st.integers(1, steps)), draw(st.integers(0, envs - 1))] = 1.0
    rewards, values = draw(tensors((steps, envs))), draw(tensors((steps, envs)))
    return Steps(draw(tensors((envs,))), flags[-1], rewards, values, flags[:-1], draw(gammas), draw(lambdas))


_FOLLOWING = "torch.cat([values[1:], next_value[None]])"
_FLAGS = "torch.cat([terminated[1:], next_terminated[None]])"
_LATER = "deltas[t] + gamma * gae_lambda * goes_on[t] * later"
compute_advantages = section.exercise(
    "compute_advantages",
    hints=[
        "Which row of `terminated` says that step t has ended an episode: t or t + 1? And for the last step?",
        "A_t needs A_{t+1}. In which direction do you go through the steps, and what do you begin with?",
        "Two things must not come across the end of an episode. Which?",
    ],
    mistakes={
        "Looks at the flag of the step itself; the flag beside the next observation is the one that tells.": edit(
            _FLAGS, "terminated"
        ),
        "The last step is followed by its own value, not by next_value.": edit("next_value[None]", "values[-1:]"),
        "Nothing follows the last step: next_value is not used.": edit("next_value[None]", "0 * next_value[None]"),
        "The last flag is not used: next_value counts even if the last step has ended the episode.": edit(
            "next_terminated[None]", "0 * next_terminated[None]"
        ),
        "The next episode's value is taken for what follows a terminated one.": edit(
            "following_values * goes_on", "following_values"
        ),
        "Surprises of the next episode leak back into the last one.": edit("goes_on[t] * later", "later"),
        "The flag is the wrong way round: only what follows an end counts.": edit(f"1.0 - {_FLAGS}", _FLAGS),
        "λ discounts the next value; that is γ's task.": edit(
            "rewards + gamma * following", "rewards + gae_lambda * following"
        ),
        "Later surprises are weighed by λ alone, without γ.": edit("gamma * gae_lambda * goes", "gae_lambda * goes"),
        "Later surprises are weighed by γ alone: λ is not used.": edit("gamma * gae_lambda * goes", "gamma * goes"),
        "Stops at the surprise of one step.": edit(_LATER, "deltas[t]"),
        "Goes forward through the steps: surprises come from the past.": [
            edit("reversed(range(len(rewards)))", "range(len(rewards))"),
            edit("advantages[::-1]", "advantages"),
        ],
        "Adds the values: these are the returns.": edit("(advantages[::-1])", "(advantages[::-1]) + values"),
        "Does not subtract the value that was expected.": edit(" - values.detach()  #", "  #"),
        "The advantages drag the critic's graph along.": [
            edit(f"{_FOLLOWING}.detach()", _FOLLOWING),
            edit("values.detach()  #", "values  #"),
        ],
    },
)
compute_advantages.call("advantages", "Adds up surprises, discounted by γ λ, back to each step.", case=rollouts())
compute_advantages.call(
    "advantages_of_episodes",
    "Lets nothing come across the end of an episode, also after the last step.",
    case=rollouts(ends=True),
)
compute_advantages.call(
    "advantages_at_the_ends",
    "Takes γ and λ of 0 and 1: one step's surprise, or the whole return less the value.",
    points=0.5,
    case=rollouts(ends=True, gammas=st.sampled_from((1.0, 0.0)), lambdas=gammas)
    | rollouts(gammas=gammas, lambdas=st.sampled_from((1.0, 0.0))),
)


@compute_advantages.check(points=0.25, extra=True, examples=20, case=rollouts(ends=True))
def advantages_by_bool(solution, case):
    """Takes flags of dtype bool too."""
    flags = {"next_terminated": case.next_terminated.bool(), "terminated": case.terminated.bool()}
    return solution.compute_advantages(*case._replace(**flags))


@compute_advantages.check(points=0.25, extra=True, examples=20, case=rollouts())
def advantages_are_data(solution, case):
    """Returns advantages that need no gradient, even if the values do."""
    values, next_value = case.values.clone().requires_grad_(), case.next_value.clone().requires_grad_()
    return solution.compute_advantages(*case._replace(values=values, next_value=next_value)).requires_grad


# %% get_minibatch_indices
def is_division(observed, expected, inputs):
    """Minibatches of the right size in which each index comes once."""
    sizes, wanted = [len(part) for part in observed], [len(part) for part in expected]
    if sizes != wanted:
        return f"minibatches of sizes {sizes}, expected {wanted}"
    found, count = np.sort(np.concatenate(observed)), sum(wanted)
    if found.dtype.kind not in "iu":
        return f"indices of dtype {found.dtype}, expected whole numbers"
    return (
        None
        if (found == np.arange(count)).all()
        else f"{found.tolist()} came out, expected each of 0 to {count - 1} once"
    )


def by_the_generator(observed, expected, inputs):
    """Divisions by generators of the seeds 5, 5 and 6: the first two are the same, the third is not."""
    if len(observed) != 3 or any(np.shape(each) != np.shape(expected[0]) for each in observed):
        return difference(observed, expected)
    if not np.array_equal(observed[0], observed[1]):
        return "generators in the same state divide differently"
    return "generators in different states divide the same way" if np.array_equal(observed[0], observed[2]) else None


Division = namedtuple("Division", "batch_size minibatch_size")
divisions = st.builds(lambda size, count: Division(size * count, size), st.integers(1, 4), st.integers(1, 4))
get_minibatch_indices = section.exercise(
    "get_minibatch_indices",
    aliases=["minibatch_indexes"],
    hints=[
        "Drawing each minibatch by itself may draw an index twice. What if all of them are shuffled once?",
        "Which method of a generator shuffles the numbers up to n? In which shape is each row a minibatch?",
    ],
    mistakes={
        "Divides in order, without shuffling.": edit("rng.permutation(batch_size)", "np.arange(batch_size)"),
        "Draws each index by itself: some come twice, others never.": edit(
            "rng.permutation(batch_size)", "rng.integers(batch_size, size=batch_size)"
        ),
        "Takes minibatch_size for the number of minibatches.": edit(
            "    return [", "    minibatch_size = batch_size // minibatch_size\n    return ["
        ),
        "Shuffles which minibatch comes first, not what is in it.": edit(
            "rng.permutation(batch_size)",
            "rng.permutation(np.arange(batch_size).reshape(-1, minibatch_size)).flatten()",
        ),
        "Draws from numpy's own generator, not from rng.": edit("rng.permutation", "np.random.permutation"),
        "Makes a generator of its own: every call divides in the same way.": edit(
            "rng.permutation", "np.random.default_rng(0).permutation"
        ),
    },
)


@get_minibatch_indices.check(judge=is_division, examples=50, case=divisions, seed=seeds)
def divides(solution, case, seed):
    """Returns minibatches of the right size in which each index comes exactly once."""
    return indices_of(solution.get_minibatch_indices, np.random.default_rng(seed), *case)


@get_minibatch_indices.check(
    points=0.5,
    judge=distributed_as(probabilities=lambda inputs: np.full(6, 1 / 6)),
    examples=2,
    size=st.sampled_from((2, 3)),
)
def divides_at_random(solution, size):
    """Puts every index anywhere, all places equally probable, and anew in each call."""
    rng = np.random.default_rng(size)
    return np.array([np.concatenate(indices_of(solution.get_minibatch_indices, rng, 6, size)) for _ in range(1500)])


@get_minibatch_indices.check(points=0.25, judge=by_the_generator, examples=3, size=st.sampled_from((5, 10, 20)))
def divides_by_its_generator(solution, size):
    """Draws from rng: a generator in the same state divides in the same way, another one does not."""
    rngs = [np.random.default_rng(seed) for seed in (5, 5, 6)]
    return [np.concatenate(indices_of(solution.get_minibatch_indices, rng, 20, size)) for rng in rngs]


# %% ReplayMemory
@st.composite
def kept(draw):
    """A rollout, and a minibatch size that divides it."""
    steps, envs = draw(st.sampled_from(((2, 3), (3, 2), (4, 1), (1, 2), (2, 1), (3, 4))))
    shape = (steps, envs)
    actions, flags = draw(tensors(shape, (0, 1, 2), "int64")), draw(tensors((steps + 1, envs), (0, 1)))
    numbers = [draw(tensors(shape, values)) for values in (HALVES, WHOLE, WHOLE)]
    return Rollout(actions, *numbers, flags[:-1], draw(tensors((envs,))), flags[-1])


ReplayMemory = section.exercise(
    "ReplayMemory",
    aliases={"ReplayBuffer": "logprobs"},
    hints=[
        "What does a list hold after you have appended the same array twice and changed it in between?",
        "The advantage of a step depends on its successor. Can it be computed after the steps were shuffled?",
        "A return is what really came, the advantage is by how much that was more than expected. So the return is …?",
    ],
    mistakes={
        "The critic is to learn the advantages; its target is advantage + value.": edit(
            "advantages + values", "advantages"
        ),
        "The critic is to learn its own old values.": edit("advantages + values", "values"),
        "Actions are flattened in another order than the rest: each step gets another one's.": edit(
            "field.flatten(0, 1) for field in fields",
            "(field.mT if field is actions else field).flatten(0, 1) for field in fields",
        ),
        "Everything is flattened environment by environment, but the advantages step by step.": edit(
            "field.flatten(0, 1) for field in fields",
            "(field if field is advantages else field.transpose(0, 1)).flatten(0, 1) for field in fields",
        ),
        "Hands everything out once, however often it is to be learned from.": edit(
            "range(self.batches_per_learning_phase)", "range(1)"
        ),
        "Each field is shuffled by itself: rows no longer belong together.": edit(
            "(field[indices] for field in batch)", "(field[self.rng.permutation(indices)] for field in batch)"
        ),
        "Divides in the same way in all rounds.": edit(
            "(self.rng, self.batch_size", "(np.random.default_rng(0), self.batch_size"
        ),
        "Keeps the caller's arrays, which may change later.": [
            edit(f"np.array({name})", f"np.asarray({name})")
            for name in ("obs", "actions", "logprobs", "values", "rewards", "terminated")
        ],
        "Rewards and values are mixed up.": edit(
            "next_terminated, rewards, values, term", "next_terminated, values, rewards, term"
        ),
        "The newest step stands first.": edit("torch.tensor(np.stack(field))", "torch.tensor(np.stack(field[::-1]))"),
    },
)


@ReplayMemory.check(examples=40, rollout=kept(), rounds=st.integers(1, 3))
def memory_rows(solution, rollout, rounds):
    """Hands out each step once a round, with the observation, action, log-probability and flag that belong together."""
    size = rollout.rewards.numel()
    parts = handed_out(solution.ReplayMemory, rollout, size, rounds)
    return by_rounds(columns(parts, "obs", "actions", "logprobs", "terminated"), size)


@ReplayMemory.check(examples=40, rollout=kept())
def memory_targets(solution, rollout):
    """Hands out the advantages, and returns, which are advantage + value."""
    size = rollout.rewards.numel()
    parts = handed_out(solution.ReplayMemory, rollout, size)
    return by_rounds(columns(parts, "obs", "advantages", "returns"), size)


@ReplayMemory.check(points=0.5, examples=20, rollout=kept(), rounds=st.integers(1, 2))
def memory_sizes(solution, rollout, rounds):
    """Hands out minibatches of minibatch_size steps, those of all rounds in a row."""
    parts = handed_out(solution.ReplayMemory, rollout, len(rollout.rewards), rounds)
    return [len(columns([part], "actions")) for part in parts]


@ReplayMemory.check(
    points=0.5, judge=distributed_as(probabilities=lambda inputs: np.full(4, 1 / 4)), examples=2, seed=seeds
)
def memory_is_shuffled(solution, seed):
    """Divides anew in each round: any step may come anywhere."""
    rollout = Rollout(torch.ones(2, 2).long(), *[torch.zeros(2, 2)] * 4, *[torch.zeros(2)] * 2)
    parts = handed_out(solution.ReplayMemory, rollout, minibatch_size=2, rounds=600, seed=seed)
    return columns(parts, "obs").reshape(600, 4).long()


@ReplayMemory.check(points=0.25, extra=True, examples=20, rollout=kept())
def memory_copies(solution, rollout):
    """Keeps copies: the caller may use its arrays again."""
    size = rollout.rewards.numel()
    parts = handed_out(solution.ReplayMemory, rollout, size, reuse=True)
    return by_rounds(columns(parts, "obs", "actions", "logprobs", "returns", "terminated"), size)


# %% PPOAgent
Script = namedtuple("Script", "obs rewards ends")


@st.composite
def scripts(draw, letters="."):
    """What environments say in two or three steps, in observations of one number, all different."""
    steps, envs = draw(st.sampled_from(((2, 3), (3, 2), (2, 1))))
    numbers = draw(st.permutations(range(-2 * steps, 2 * steps + 4)))[: (steps + 1) * envs]
    obs = np.reshape(numbers, (steps + 1, envs)).tolist()
    rewards = draw(tensors((steps, envs), WHOLE, "int64")).tolist()
    ends = ["".join(draw(st.sampled_from(letters)) for _ in range(envs)) for _ in range(steps)]
    return Script(obs, rewards, ends)


def one_step_a_row(observed, expected, inputs):
    """Each row of the memory is one step; whether a truncated episode is flagged as well does not matter."""
    for name in ("obs", "values", "rewards"):
        words = difference(getattr(observed, name), getattr(expected, name))
        if words:
            return f"{name}: {words}"
    words = difference(observed.actions, observed.taken)
    if words:
        return f"actions that are kept, and those that the environments were given: {words}"
    rows = np.take_along_axis(expected.chances, observed.actions.astype(int)[..., None], axis=-1)[..., 0]
    words = difference(observed.logprobs, rows)
    if words:
        return f"logprobs of the actions that were taken: {words}"
    letters = np.array([list(row) for row in inputs["case"].ends])
    over = [np.vstack([letters[:1] == "", flags[:-1]]).astype(np.float32) for flags in (letters == "T", letters != ".")]
    words = difference(observed.terminated, over[0])
    return words and difference(observed.terminated, over[1]) and f"terminated: {words}"


_ADD = "*(part.numpy() for part in (obs, actions, logprobs, values)), rewards, terminated.numpy())"
_STEP = "        next_obs, rewards, next_terminated, _, infos = self.envs.step(actions.numpy())\n"
_READ = "        obs, terminated = self.next_obs, self.next_terminated  # (envs, *obs_shape), (envs,)\n"
PPOAgent = section.exercise(
    "PPOAgent",
    hints=[
        "At the time of an action, which observation has been seen? Which flag came with it?",
        "What do you have to keep for the next call of play_step, and under which names does it look for that?",
        "How often does the actor's graph have to be built while nothing is learned?",
    ],
    mistakes={
        "Keeps the observation after the action, not the one before it.": [
            edit(
                _READ,
                _READ.replace("obs, terminated = self.next_obs, ", "terminated = ").replace(
                    "  # (envs, *obs_shape), (envs,)", ""
                )
                + "        obs = self.next_obs\n",
            ),
            edit(_STEP, f"{_STEP}        obs = torch.tensor(next_obs, dtype=torch.float32)\n"),
        ],
        "Keeps the flag that came out of the step, not the one that came with the observation.": edit(
            _STEP, f"{_STEP}        terminated = torch.tensor(next_terminated).float()\n"
        ),
        "The flag of the next step is kept under another name: no episode ever seems to end.": edit(
            "self.next_terminated = torch.tensor", "self.next_done = torch.tensor"
        ),
        "The next step begins with the old observation.": edit(
            "        self.next_obs = torch.tensor(next_obs, dtype=torch.float32)\n", ""
        ),
        "Takes probabilities for logits: differences between actions shrink.": edit(
            "logits=self.actor(obs)", "logits=self.actor(obs).softmax(dim=-1)"
        ),
        "Always takes the most probable action: nothing is explored.": edit(
            "dist.sample()", "dist.probs.argmax(dim=-1)"
        ),
        "Keeps the log-probability of another action than the one it takes.": edit(
            "dist.log_prob(actions)", "dist.log_prob(dist.sample())"
        ),
        "Keeps the probability, not its logarithm.": edit("dist.log_prob(actions)", "dist.log_prob(actions).exp()"),
        "Keeps the value of the next observation.": edit(
            _STEP, f"{_STEP}        values = self.critic(torch.tensor(next_obs).float()).squeeze(-1).detach()\n"
        ),
        "The values have the shape (envs, 1).": edit("self.critic(obs).squeeze(-1)", "self.critic(obs)"),
        "What is kept drags the graphs of both networks along.": [
            edit("torch.no_grad():\n            dist", "torch.enable_grad():\n            dist"),
            edit("*(part.numpy() for part in (obs, actions, logprobs, values))", "obs, actions, logprobs, values"),
        ],
        "Rewards and values stand in each other's place.": edit(
            _ADD, "*(part.numpy() for part in (obs, actions, logprobs)), rewards, values.numpy(), terminated.numpy())"
        ),
        "Takes other actions than it keeps.": edit("step(actions.numpy())", "step(dist.sample().numpy())"),
        "Returns nothing.": edit("return infos", "return None"),
    },
)


@PPOAgent.check(points=1.5, judge=one_step_a_row, examples=40, case=scripts(), seed=seeds)
def agent_remembers(solution, case, seed):
    """Keeps, for each step, the observation before it, the action taken, its log-probability, value and reward."""
    return played(solution.PPOAgent, network(seed, 1, 3), network(seed, 1, 1), *case)


@PPOAgent.check(points=0.75, judge=one_step_a_row, examples=40, case=scripts(letters="T.U"), seed=seeds)
def agent_flags(solution, case, seed):
    """Keeps the flag that came with the observation: whether the step before it has ended an episode."""
    return played(solution.PPOAgent, network(seed, 1, 3), network(seed, 1, 1), *case)


def chances_of(inputs):
    """The probabilities of the actions, by the first layer's biases."""
    weights = np.array(inputs["weights"])
    return weights / weights.sum()


@PPOAgent.check(
    judge=distributed_as(probabilities=chances_of, columns=two_calls), examples=2, weights=st.permutations((1, 2, 5))
)
def agent_draws(solution, weights):
    """Draws each action by the actor's probabilities, for each environment and in each call anew."""
    actor = nn.Linear(1, 3)
    actor.bias.data = torch.tensor(weights).log()
    nothing = np.zeros((3, 2000))
    case = played(solution.PPOAgent, actor, network(0, 1, 1), nothing, nothing[1:], ["." * 2000] * 2)
    return case.actions.T.astype(int)


@PPOAgent.check(points=0.25, examples=20, case=scripts(letters="T."))
def agent_keeps_no_graph(solution, case):
    """Keeps nothing that needs a gradient."""
    return played(solution.PPOAgent, network(0, 1, 3), network(0, 1, 1), *case).kept_graph


@PPOAgent.check(points=0.25, extra=True, examples=20, case=scripts(letters="T."))
def agent_tells(solution, case):
    """Returns the infos of the environments, and counts the steps of all of them."""
    return told(solution.PPOAgent, *case)


# %% calc_clipped_surrogate_objective
Taken = namedtuple("Taken", "logits actions advantages logprobs clip_coef")
logprobs = (-0.5, -1.0, -2.0, -3.0, -0.25)


@st.composite
def taken(draw, same=False):
    """Actions that an older policy has taken; `same`: all are as good as expected, or as bad."""
    size, actions = draw(st.sampled_from(((2, 3), (3, 2), (4, 3), (5, 2), (2, 4))))
    logits, old = draw(tensors((size, actions), HALVES[:7])), draw(tensors((size,), logprobs))
    first = draw(st.integers(-3, 3))
    others = [first] if same else [number for number in range(-4, 5) if number != first]
    advantages = torch.tensor([first, *(draw(st.sampled_from(others)) for _ in range(size - 1))]).float()
    return Taken(logits, draw(tensors((size,), range(actions), "int64")), advantages, old, draw(rates))


_MIN = "(ratio * advantages).minimum(clipped * advantages)"
_NORMAL = "(mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)"
_MISTAKES_OF_SURROGATES = {
    "Takes the larger of the two: the clipping then protects nothing.": edit(".minimum(", ".maximum("),
    "Takes the clipped term alone: what has gone wrong can never be repaired.": edit(_MIN, "(clipped * advantages)"),
    "Never clips.": edit(_MIN, "(ratio * advantages)"),
    "Clips the product with the advantage; it is the ratio that is clipped.": edit(
        "clipped * advantages)", "(ratio * advantages).clamp(1 - clip_coef, 1 + clip_coef))"
    ),
    "Clips to the range of ±ε; the middle of the range is 1.": edit("clamp(1 - clip_coef, 1 +", "clamp(-clip_coef, +"),
    "The ratio is upside down.": edit("- mb_logprobs)  #", "- mb_logprobs).reciprocal()  #"),
    "The ratio is a difference of logarithms, without exp.": edit("torch.exp(dist", "(dist"),
    "Advantages are not normalised.": edit(_NORMAL, "mb_advantages"),
    "Advantages are divided by their deviation, but their mean is not taken away.": edit(
        "(mb_advantages - mb_advantages.mean())", "mb_advantages"
    ),
    "Divides by the variance.": edit("mb_advantages.std()", "mb_advantages.var()"),
    "The deviation has m in the denominator; torch's has m - 1.": edit(".std()", ".std(correction=0)"),
    "The sign is flipped: this is a loss, and an objective is asked for.": edit(f"return {_MIN}", f"return -{_MIN}"),
    "Adds up the steps; the mean is asked for.": edit(f"{_MIN}.mean()", f"{_MIN}.sum()"),
    "The value is right, but detached: there is nothing to learn from.": edit(
        f"{_MIN}.mean()", f"{_MIN}.mean().detach()"
    ),
}
calc_clipped_surrogate_objective = section.exercise(
    "calc_clipped_surrogate_objective",
    hints=[
        "How do you get the ratio of two probabilities whose logarithms you have?",
        "Draw min(r A, clip(r) A) over r, once for A = 1 and once for A = -1. On which side is each flat?",
        "torch.min takes the smallest number of a tensor. What takes the smaller of two, element by element?",
    ],
    mistakes={
        **_MISTAKES_OF_SURROGATES,
        "Divides by zero if all advantages are the same.": edit("(mb_advantages.std() + eps)", "mb_advantages.std()"),
    },
)


@calc_clipped_surrogate_objective.check(case=taken())
def surrogate_value(solution, case):
    """Returns the mean of the smaller of both terms, the ratio's and the clipped ratio's, by normalised advantages."""
    dist = Categorical(logits=case.logits)
    return solution.calc_clipped_surrogate_objective(dist, case.actions, case.advantages, case.logprobs, case.clip_coef)


@calc_clipped_surrogate_objective.check(case=taken())
def surrogate_gradient(solution, case):
    """Its gradient leads the policy uphill, and is zero where it pays no more."""
    logits = case.logits.clone().requires_grad_()
    dist = Categorical(logits=logits)
    value = solution.calc_clipped_surrogate_objective(
        dist, case.actions, case.advantages, case.logprobs, case.clip_coef
    )
    return slopes(value, logits)


@calc_clipped_surrogate_objective.check(points=0.25, extra=True, examples=20, case=taken(same=True))
def surrogate_of_equals(solution, case):
    """Is 0 if all advantages are the same."""
    dist = Categorical(logits=case.logits)
    return solution.calc_clipped_surrogate_objective(dist, case.actions, case.advantages, case.logprobs, case.clip_coef)


# %% calc_value_function_loss, calc_entropy_bonus
def up_to_half(observed, expected, inputs):
    """As expected, or half of it: editions differ in the factor ½."""
    words = difference(observed, expected)
    if words is None or not isinstance(observed, type(expected)):
        return words
    if isinstance(observed, list) and not all(isinstance(part, np.ndarray) for part in observed):
        return words
    doubled = [part * 2 for part in observed] if isinstance(observed, list) else observed * 2
    return difference(doubled, expected) and words


Judged = namedtuple("Judged", "values returns vf_coef")


@st.composite
def judged(draw):
    size = draw(st.integers(2, 5))
    values = draw(tensors((size,), HALVES))
    values[0] += 0.25  # so that not all are right
    return Judged(values, draw(tensors((size,))), draw(st.sampled_from((0.5, 0.25, 2.0))))


_SQUARES = "(values - mb_returns).square().mean()"
calc_value_function_loss = section.exercise(
    "calc_value_function_loss",
    hints=[
        "Which is worse for a squared error: two errors of 1, or one of 2?",
        "Should it grow or shrink as the critic learns? Which sign has it then?",
    ],
    mistakes={
        "Adds up the squares; the mean is asked for.": edit(_SQUARES, _SQUARES.replace("mean", "sum")),
        "Has a minus: a loss is never negative, and is subtracted later.": edit("return vf_coef", "return -vf_coef"),
        "Leaves vf_coef out.": edit("vf_coef * (", "("),
        "Weighs with vf_coef twice.": edit("vf_coef * (", "vf_coef * vf_coef * ("),
        "Takes distances, not their squares.": edit("square()", "abs()"),
        "The value is right, but detached: there is nothing to learn from.": edit(".mean()", ".mean().detach()"),
        "Squares the mean difference: errors cancel.": edit(_SQUARES, "(values - mb_returns).mean().square()"),
        "Takes the root of the mean square.": edit(_SQUARES, f"{_SQUARES}.sqrt()"),
    },
)


@calc_value_function_loss.check(judge=up_to_half, points=0.5, case=judged())
def value_loss(solution, case):
    """Returns vf_coef times the mean squared difference, or half of that."""
    return solution.calc_value_function_loss(case.values, case.returns, case.vf_coef)


@calc_value_function_loss.check(judge=up_to_half, points=0.5, examples=30, case=judged())
def value_loss_gradient(solution, case):
    """Its gradient leads the values away from the returns, as that of a loss does."""
    values = case.values.clone().requires_grad_()
    return slopes(solution.calc_value_function_loss(values, case.returns, case.vf_coef), values)


Policies = namedtuple("Policies", "logits ent_coef")
sizes = st.permutations((1, 2, 3, 4)).map(lambda both: (both[0], both[1] + 1))
policies = st.builds(Policies, sizes.flatmap(lambda size: tensors(size, HALVES)), st.sampled_from((0.5, 0.25, 2.0)))
_ENTROPY = "dist.entropy()"
calc_entropy_bonus = section.exercise(
    "calc_entropy_bonus",
    hints=[
        "A Categorical knows its entropy. One number for each observation: how do you make one of them all?",
        "Which policy has the larger entropy: a coin, or one that always does the same? What should the bonus reward?",
    ],
    mistakes={
        "Has a minus: a bonus is never negative.": edit("return ent_coef", "return -ent_coef"),
        "Leaves ent_coef out.": edit("ent_coef * dist", "dist"),
        "The value is right, but detached: there is nothing to learn from.": edit(".mean()", ".mean().detach()"),
        "Takes the mean over the actions instead of the sum.": edit(_ENTROPY, "(-dist.probs * dist.logits)"),
        "Rewards the largest probability, which is the opposite of chance.": edit(_ENTROPY, "dist.probs.amax(dim=-1)"),
        "An action of probability 0 makes it NaN.": edit(_ENTROPY, "(-dist.probs * dist.probs.log()).sum(dim=-1)"),
    },
)


@calc_entropy_bonus.check(points=0.5, case=policies)
def entropy_value(solution, case):
    """Returns ent_coef times the mean entropy of the policies."""
    return solution.calc_entropy_bonus(Categorical(logits=case.logits), case.ent_coef)


@calc_entropy_bonus.check(points=0.5, examples=30, case=policies)
def entropy_gradient(solution, case):
    """Its gradient leads towards more chance."""
    logits = case.logits.clone().requires_grad_()
    return slopes(solution.calc_entropy_bonus(Categorical(logits=logits), case.ent_coef), logits)


@calc_entropy_bonus.check(points=0.25, extra=True, examples=20, case=policies)
def entropy_of_the_impossible(solution, case):
    """An action of probability 0 adds nothing."""
    probs = case.logits.softmax(dim=-1).clone()
    probs[:, 0] = 0
    return solution.calc_entropy_bonus(Categorical(probs=probs), case.ent_coef)


# %% PPOScheduler, make_optimizer
Course = namedtuple("Course", "initial_lr end_lr total_phases")
courses = st.builds(Course, st.sampled_from((1.0, 0.5)), st.sampled_from((0.0, 0.25, 2.0)), st.integers(1, 4))


def optimizer_with(lr, groups):
    """An optimizer with a number of groups, which all have the same rate."""
    return torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))]} for _ in range(groups)], lr=lr)


def rates_of(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


_RATE = "self.initial_lr + share * (self.end_lr - self.initial_lr)"
PPOScheduler = section.exercise(
    "PPOScheduler",
    hints=[
        "After the last of total_phases calls, which share of the way has been gone? And after the first?",
        "Where does an optimizer keep its learning rate? There may be several places.",
    ],
    mistakes={
        "Counts after setting the rate: it is one step late, and never reaches the end.": [
            edit("        self.n_step_calls += 1\n", ""),
            edit(f'group["lr"] = {_RATE}', f'group["lr"] = {_RATE}\n        self.n_step_calls += 1'),
        ],
        "Sets the rate of the first group only.": edit(
            "in self.optimizer.param_groups", "in self.optimizer.param_groups[:1]"
        ),
        "Returns the rate without setting it.": edit(f'group["lr"] = {_RATE}', f"return {_RATE}"),
        "Leads to 0, wherever it is to end.": edit("(self.end_lr - self.initial_lr)", "(0 - self.initial_lr)"),
        "The sign of end_lr is wrong.": edit("(self.end_lr - self.initial_lr)", "(-self.end_lr - self.initial_lr)"),
        "Goes from the end to the beginning.": edit(_RATE, "self.end_lr + share * (self.initial_lr - self.end_lr)"),
        "Overwrites where it began: the steps get out of proportion.": [
            edit("        for group in", f"        self.initial_lr = {_RATE}\n        for group in"),
            edit(f'group["lr"] = {_RATE}', 'group["lr"] = self.initial_lr'),
        ],
        "Shrinks the rate by a factor in each step, not by the same amount.": edit(
            _RATE, f'{_RATE} if share == 1 else group["lr"] * (1 - 1 / self.total_phases)'
        ),
        "Arrives a step too early.": edit("/ self.total_phases", "/ max(self.total_phases - 1, 1)"),
    },
)


@PPOScheduler.check(case=courses)
def scheduler_rates(solution, case):
    """Leads the rate evenly from initial_lr to end_lr, which it reaches after total_phases calls."""
    optimizer = optimizer_with(case.initial_lr, groups=1)
    scheduler = solution.PPOScheduler(optimizer, *case)
    return [rates_of(optimizer) for _ in range(case.total_phases) if scheduler.step() or True]


@PPOScheduler.check(points=0.5, examples=30, case=courses)
def scheduler_groups(solution, case):
    """Sets the rate in every group of the optimizer."""
    optimizer = optimizer_with(case.initial_lr, groups=3)
    solution.PPOScheduler(optimizer, *case).step()
    return rates_of(optimizer)


Begin = namedtuple("Begin", "total_phases initial_lr end_lr")
begins = st.builds(Begin, st.integers(1, 4), st.sampled_from((0.5, 0.25)), st.sampled_from((0.125, 1.0)))
signs = tensors((2,), (1, -1))


def pushed(optimizer, *nets, grads):
    """Where two networks are after one step of an optimizer from zero, the gradient of each being one number."""
    parameters = [list(net.parameters()) for net in nets]
    for parts, grad in zip(parameters, grads, strict=True):
        for part in parts:
            part.data.zero_()
            part.grad = torch.full_like(part, grad.item())
    optimizer.step()
    return [part.detach() for parts in parameters for part in parts]


make_optimizer = section.exercise(
    "make_optimizer",
    hints=[
        "How do you make one sequence out of the parameters of two networks?",
        "Optimizers go downhill. Which of Adam's arguments turns that round?",
    ],
    mistakes={
        "The critic is left out: it never learns.": edit(
            "[*actor.parameters(), *critic.parameters()]", "actor.parameters()"
        ),
        "The actor is left out: it never learns.": edit(
            "[*actor.parameters(), *critic.parameters()]", "critic.parameters()"
        ),
        "Goes downhill: what it is given is an objective.": edit(", maximize=True", ""),
        "The rate is Adam's own, not initial_lr.": edit("lr=initial_lr, ", ""),
        "eps is Adam's own, not 1e-5.": edit(", eps=1e-5", ""),
        "Initial and last rate are mixed up in the scheduler.": edit(
            "(optimizer, initial_lr, end_lr, total", "(optimizer, end_lr, initial_lr, total"
        ),
        "The scheduler comes first.": edit(
            "return optimizer, PPOScheduler(optimizer, initial_lr, end_lr, total_phases)",
            "return PPOScheduler(optimizer, initial_lr, end_lr, total_phases), optimizer",
        ),
        "It is plain gradient ascent, not Adam.": edit(
            "Adam(parameters, lr=initial_lr, eps=1e-5,", "torch.optim.SGD(parameters, lr=initial_lr,"
        ),
    },
)


@make_optimizer.check(examples=30, case=begins, grads=signs, size=st.sampled_from((0.5, 2.0, 4.0)))
def optimizer_steps(solution, case, grads, size):
    """Makes Adam, at initial_lr, lead the parameters of both networks uphill."""
    actor, critic = nn.Linear(1, 2), nn.Linear(1, 1)
    optimizer, _ = optimizer_of(solution.make_optimizer, actor, critic, *case)
    return pushed(optimizer, actor, critic, grads=grads * size)


@make_optimizer.check(points=0.5, examples=30, case=begins)
def optimizer_is_scheduled(solution, case):
    """The scheduler leads this optimizer's rate from initial_lr to end_lr in total_phases steps."""
    optimizer, scheduler = optimizer_of(solution.make_optimizer, nn.Linear(1, 2), nn.Linear(1, 1), *case)
    return [rates_of(optimizer)[0]] + [
        rates_of(optimizer)[0] for _ in range(case.total_phases) if scheduler.step() or True
    ]


@make_optimizer.check(points=0.25, extra=True, examples=10, grads=signs)
def optimizer_details(solution, grads):
    """Has an eps of 1e-5, and leads the rate to 0 unless told otherwise."""
    actor, critic = nn.Linear(1, 2), nn.Linear(1, 1)
    optimizer, scheduler = optimizer_of(solution.make_optimizer, actor, critic, 1, 0.5)
    moved = pushed(optimizer, actor, critic, grads=grads * 1e-5)
    scheduler.step()
    return moved, rates_of(optimizer)[0]


# %% PPOTrainer
batch_sizes = st.integers(2, 5)
_OBJECTIVE = "surrogate - value_loss + entropy_bonus"
_SQUEEZED = "self.critic(minibatch.obs)[:, 0]"
_CLIP = "            nn.utils.clip_grad_norm_(parameters, self.args.max_grad_norm)\n"
_ZERO, _BACK = "            self.optimizer.zero_grad()\n", "            objective.backward()\n"
PPOTrainer = section.exercise(
    "PPOTrainer",
    hints=[
        "Which of the three parts should grow, and which should shrink? Only one number is maximised.",
        "What is the shape of (m, 1) minus (m,)?",
        "When is there a gradient to be shortened: before or after backward? And what is in it from the last round?",
    ],
    mistakes={
        "Adds the value loss: the critic learns to be wrong.": edit(
            _OBJECTIVE, "surrogate + value_loss + entropy_bonus"
        ),
        "Subtracts the entropy bonus: it rewards those who leave nothing to chance.": edit(
            _OBJECTIVE, "surrogate - value_loss - entropy_bonus"
        ),
        "Has the sign of a loss, though the optimizer maximises.": edit(
            f"return {_OBJECTIVE}", f"return -({_OBJECTIVE})"
        ),
        "Leaves the entropy bonus out.": edit(_OBJECTIVE, "surrogate - value_loss"),
        "Weighs the value loss with vf_coef twice.": edit(
            _OBJECTIVE, "surrogate - self.args.vf_coef * value_loss + entropy_bonus"
        ),
        "The values have the shape (m, 1): each is compared with all returns.": edit(
            _SQUEEZED, "self.critic(minibatch.obs)"
        ),
        "Trains the critic on the advantages.": edit("(values, minibatch.returns", "(values, minibatch.advantages"),
        "Takes probabilities for logits.": edit(
            "logits=self.actor(minibatch.obs)", "logits=self.actor(minibatch.obs).softmax(dim=-1)"
        ),
        "Compares the new policy with itself: the ratio is always 1.": edit(
            "minibatch.advantages, minibatch.logprobs",
            "minibatch.advantages, dist.log_prob(minibatch.actions).detach()",
        ),
        "Takes ent_coef and vf_coef for each other.": [
            edit("minibatch.returns, self.args.vf_coef", "minibatch.returns, self.args.ent_coef"),
            edit("(dist, self.args.ent_coef)", "(dist, self.args.vf_coef)"),
        ],
        "Gradients of all minibatches pile up.": edit(_ZERO, ""),
        "Never shortens the gradient, or tries to before backward, when there is none.": edit(_CLIP, ""),
        "Clips the objective; the gradient is to be shortened.": [
            edit(_CLIP, ""),
            edit(_BACK, "            objective.clamp(-self.args.max_grad_norm, self.args.max_grad_norm).backward()\n"),
        ],
        "Clips each number of the gradient by itself, which turns it.": edit("clip_grad_norm_", "clip_grad_value_"),
        "Shortens the gradients of the two networks one by one; both together are one vector.": edit(
            _CLIP,
            _CLIP.replace("parameters", "self.actor.parameters()")
            + _CLIP.replace("parameters", "self.critic.parameters()"),
        ),
        "Shortens only the actor's gradient.": edit(_CLIP, _CLIP.replace("parameters", "self.actor.parameters()")),
        "Never makes a step: gradients are computed and thrown away.": edit("            self.optimizer.step()\n", ""),
        "Forgets the scheduler: the learning rate stays where it began.": edit(
            "        self.scheduler.step()", "        self.scheduler.calls += 0"
        ),
        "Shortens to a length of its own, not to max_grad_norm.": edit(
            "(parameters, self.args.max_grad_norm)", "(parameters, 1.0)"
        ),
    },
)


@PPOTrainer.check(judge=deep, examples=40, seed=seeds, size=batch_sizes)
def objective_of_the_actor(solution, seed, size):
    """The objective has the surrogate and the entropy bonus in it, and leads the actor by both."""
    trainer = trainer_of(solution.PPOTrainer, seed, vf_coef=0.0)
    value = objective_of(trainer, minibatch(seed, size))
    return value.detach(), slopes(value, *trainer.actor.parameters())


@PPOTrainer.check(judge=up_to_half, examples=40, seed=seeds, size=batch_sizes, vf_coef=st.sampled_from((0.5, 0.25)))
def objective_of_the_critic(solution, seed, size, vf_coef):
    """The objective has the value loss in it, subtracted, and leads the critic's values to the returns."""
    trainer = trainer_of(solution.PPOTrainer, seed, vf_coef=vf_coef)
    return slopes(objective_of(trainer, minibatch(seed, size)), *trainer.critic.parameters())


@PPOTrainer.check(
    points=0.5, judge=deep, examples=30, seed=seeds, size=batch_sizes, ent_coef=st.sampled_from((0.5, 0.0))
)
def objective_settings(solution, seed, size, ent_coef):
    """Takes clip_coef and ent_coef from its settings."""
    trainer = trainer_of(solution.PPOTrainer, seed, vf_coef=0.0, ent_coef=ent_coef, clip_coef=0.75)
    return objective_of(trainer, minibatch(seed, size)).detach()


def learned(trainer):
    """All parameters after a learning phase, and whether the scheduler has made a step."""
    trainer.learning_phase()
    return [part.detach() for part in trainer.agent.parameters()], trainer.scheduler.calls > 0


@PPOTrainer.check(judge=deep, examples=30, seed=seeds, count=st.integers(1, 3))
def learns_uphill(solution, seed, count):
    """Makes a step uphill for each minibatch, along its own gradient, and a step of the scheduler."""
    batches = [minibatch(seed + number, 4) for number in range(count)]
    return learned(trainer_of(solution.PPOTrainer, seed, batches, max_grad_norm=1e6, lr=0.01, vf_coef=0.0))


@PPOTrainer.check(points=0.75, judge=deep, examples=30, seed=seeds, max_grad_norm=st.sampled_from((0.125, 0.0625)))
def learns_in_short_steps(solution, seed, max_grad_norm):
    """Shortens the gradient of both networks together to max_grad_norm, and keeps its direction."""
    trainer = trainer_of(solution.PPOTrainer, seed, [minibatch(seed, 3)], max_grad_norm=max_grad_norm, lr=1.0)
    parameters, start = list(trainer.agent.parameters()), parameters_to_vector(trainer.agent.parameters()).detach()
    gradient = parameters_to_vector(slopes(objective_of(trainer, minibatch(seed, 3)), *parameters))
    trainer.learning_phase()
    step = parameters_to_vector(parameters).detach() - start
    return step.norm(), step / step.norm() - gradient / gradient.norm()


@PPOTrainer.check(points=0.25, examples=20, gamma=gammas, gae_lambda=gammas)
def learns_from_its_agent(solution, gamma, gae_lambda):
    """Asks its agent for minibatches, with its own gamma and gae_lambda."""
    trainer = trainer_of(solution.PPOTrainer, 0, gamma=gamma, gae_lambda=gae_lambda)
    trainer.learning_phase()
    return [asked or (gamma, gae_lambda) for asked in trainer.agent.asked]


# %% Critic, Actor, calc_clipped_surrogate_objective_cts
Critic = section.exercise(
    "Critic",
    hints=[
        "In what does it differ from the critic you have made before? A module may simply hold another one.",
        "What must __init__ of a module call before anything is kept in it?",
    ],
    mistakes={
        "It has the actor's last layer: a std of 0.01.": edit("std=1.0", "std=0.01"),
        "Returns (batch,); the last axis is to stay.": edit("self.critic(obs)", "self.critic(obs).squeeze(-1)"),
        "There is a tanh after the last layer: no value can be larger than 1.": edit(
            "self.critic(obs)", "self.critic(obs).tanh()"
        ),
    },
)


@Critic.check(points=0.5, judge=deep, examples=20, case=net_sizes, seed=seeds)
def critic_computes(solution, case, seed):
    """Maps observations to one value each, through three linear layers with tanh between them, kept in `critic`."""
    critic = solution.Critic(case.num_obs)
    fill(critic.critic, seed)
    return critic(torch.arange(2.0 * case.num_obs).reshape(2, -1) / 4).detach()


@Critic.check(points=0.5, judge=deep, examples=5, case=net_sizes)
def critic_starts(solution, case):
    """Starts with orthogonal layers: the hidden ones by sqrt(2), the last by 1."""
    return first_stretches(solution.Critic(case.num_obs))


Actor = section.exercise(
    "Actor",
    hints=[
        "exp is never negative. Why is it convenient that the parameter is a logarithm?",
        "σ has the shape (1, num_actions), μ (batch, num_actions). Which methods stretch a tensor without copying it?",
    ],
    mistakes={
        "Takes the logarithm for σ itself.": edit("self.actor_log_sigma.exp()", "self.actor_log_sigma"),
        "Takes the logarithm of the variance.": edit("self.actor_log_sigma.exp()", "self.actor_log_sigma.exp().sqrt()"),
        "σ is a plain tensor: it is not registered, and never learned.": edit(
            "nn.Parameter(torch.zeros(1, num_actions))", "torch.zeros(1, num_actions)"
        ),
        "σ has the shape (1, num_actions); each row of the batch is to have its own.": edit(".expand_as(mu)", ""),
        "There is one σ for all numbers of an action.": edit("torch.zeros(1, num_actions)", "torch.zeros(1, 1)"),
        "σ is 0 at first, as near as its logarithm allows: nothing is explored.": edit(
            "torch.zeros(1, num", "-20 * torch.ones(1, num"
        ),
        "Gives Normal the variance; it takes the standard deviation.": edit(
            "Normal(mu, sigma)", "Normal(mu, sigma**2)"
        ),
        "The means have the critic's last layer, a std of 1.": edit(
            "get_actor_and_critic_classic(num_obs, num_actions)[0]",
            "get_actor_and_critic_classic(num_obs, num_actions)[0]\n        layer_init(self.actor_mu[-1], std=1.0)",
        ),
        "Returns the distribution first.": edit(
            "return mu, sigma, Normal(mu, sigma)", "return Normal(mu, sigma), mu, sigma"
        ),
    },
)


@Actor.check(judge=deep, examples=20, case=net_sizes, seed=seeds)
def actor_computes(solution, case, seed):
    """Returns means by the observations, deviations by actor_log_sigma, and the normal distribution of both."""
    actor = solution.Actor(*case)
    fill(actor.actor_mu, seed)
    actor.actor_log_sigma.data = torch.arange(case.num_actions).reshape(actor.actor_log_sigma.shape) / 2 - 1
    mu, sigma, dist = actor(torch.arange(2.0 * case.num_obs).reshape(2, -1) / 4)
    return [part.detach() for part in (mu, sigma, dist.mean, dist.stddev)]


@Actor.check(points=0.5, judge=deep, examples=5, case=net_sizes)
def actor_starts(solution, case):
    """Starts with orthogonal layers, the last by 0.01, and deviations of 1."""
    actor = solution.Actor(*case)
    return first_stretches(actor.actor_mu), actor(torch.zeros(3, case.num_obs))[1].detach()


@Actor.check(points=0.5, examples=10, case=net_sizes)
def actor_learns_chance(solution, case):
    """The logarithm of the deviations is a parameter, for each number of an action one."""
    named = dict(solution.Actor(*case).named_parameters())
    return named["actor_log_sigma"].numel(), named["actor_log_sigma"].requires_grad


Moved = namedtuple("Moved", "mean sigma actions advantages logprobs clip_coef")


@st.composite
def moved(draw):
    """Actions of several numbers that an older policy has taken."""
    size, count = draw(st.sampled_from(((2, 3), (3, 2), (4, 3), (4, 2), (3, 1))))
    shape = (size, count)
    mean, actions = draw(tensors(shape, HALVES[:5])), draw(tensors(shape, HALVES[:5]))
    advantages = torch.tensor(draw(st.permutations(range(-3, 3)))[:size]).float()
    old = -count - draw(tensors((size,), (0.0, 0.5, 1.0, 2.0)))
    return Moved(mean, draw(tensors(shape, (1.0, 0.5, 2.0))), actions, advantages, old, draw(rates))


calc_clipped_surrogate_objective_cts = section.exercise(
    "calc_clipped_surrogate_objective_cts",
    hints=[
        "What shape does log_prob of a Normal have here, and what shape have the old log-probabilities?",
        "Two dice are thrown. How do you get the probability of a pair, and how its logarithm?",
    ],
    mistakes={
        "Log-probabilities of an action's numbers are averaged; they add up.": edit(".sum(dim=-1)", ".mean(dim=-1)"),
        "Each number of an action has a ratio of its own.": [
            edit(".sum(dim=-1) - mb_logprobs", " - mb_logprobs[:, None]"),
            edit(f"advantages = {_NORMAL}", f"advantages = ({_NORMAL})[:, None]"),
        ],
        "Adds up over the steps, not over the numbers of an action.": edit(".sum(dim=-1)", ".sum()"),
        **_MISTAKES_OF_SURROGATES,
    },
)


@calc_clipped_surrogate_objective_cts.check(case=moved())
def surrogate_cts_value(solution, case):
    """Returns the clipped objective with one ratio for a whole action, whose log-probabilities add up."""
    dist = Normal(case.mean, case.sigma)
    return solution.calc_clipped_surrogate_objective_cts(dist, *case[2:])


@calc_clipped_surrogate_objective_cts.check(points=0.5, examples=50, case=moved())
def surrogate_cts_gradient(solution, case):
    """Its gradient leads the means and the deviations uphill."""
    mean, sigma = case.mean.clone().requires_grad_(), case.sigma.clone().requires_grad_()
    return slopes(solution.calc_clipped_surrogate_objective_cts(Normal(mean, sigma), *case[2:]), mean, sigma)
