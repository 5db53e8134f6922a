"""Checks of the section `dqn`: five probe environments, replay, exploration, targets, and the agent that has them all.

Environments are judged by what they show and pay, and by gymnasium's check_env; beside the score also as they are, with
the dtypes they return. Targets and losses are judged by their values and by the gradients that come through. The agent
plays a script (`exercises/given/fake_envs.py`), in which episodes are terminated and truncated; the trainer, which is
made without its __init__, takes steps of plain gradient descent with tiny networks. Neither needs a real environment.

Where editions of the curriculum differ, all are right: gym's interface before gymnasium, sizes or shapes, the buffer's
order and names, flags that are numbers, an agent that is handed args, trainers of Lightning, which return their loss.

Of the curriculum nothing is left out but what merely connects the parts: __init__ of agent and trainer, and the loop.
td_targets, double_dqn_targets and td_loss are new: in answers to ARENA they stand inside of training_step.
"""

from collections import namedtuple

import numpy as np
import torch
from hypothesis import strategies as st

from exercises.given.dqn_examples import (
    Modern,
    buffer,
    chosen,
    complaint,
    drawn,
    fields,
    filled,
    firsts,
    form,
    held,
    paid,
    play,
    played,
    put,
    q_network,
    spread,
    trained,
)
from graders.engine import WHOLE, Section, close, difference, distributed_as, edit, tensors

section = Section("dqn", title="Deep Q-learning")

# Older answers take Lightning's modules from where they are not installed.
section.lend(
    pl="exercises.given.lightning",
    LightningModule="exercises.given.lightning.LightningModule",
)
seeds = st.integers(0, 99)
gammas = st.sampled_from((0.5, 0.25, 0.75))
near = close(rtol=1e-4, atol=1e-5)  # a few layers in single precision


# %% What judges share
def once_more(observed, expected, inputs):
    """Runs of the seeds 5, 5 and 6: the first two are the same, the third is not (by chance: 1 in 2^40 at the most)."""
    if not isinstance(observed, list) or len(observed) != 3 or any(len(run) != len(expected[0]) for run in observed):
        return difference(observed, expected)
    if observed[0] != observed[1]:
        return "two runs with the same seed differ"
    return "runs with different seeds are the same" if observed[0] == observed[2] else None


# %% Probe environments
EPISODES = 1000
_SEEDED, _END = "        super().reset(seed=seed)\n", "True, False, {}"


def mistakes_of_probes(end=_END, terminated="True"):
    """Mistakes that all five share."""
    return {
        "The episode does not end.": edit(end, end.replace(terminated, "False")),
        "Is truncated at the end; it should be terminated, as the world ends there.": edit(
            end, end.replace(f"{terminated}, False", f"False, {terminated}")
        ),
        "Does not pass the seed on, by super().reset(seed=seed): nothing is seeded.": edit(_SEEDED, ""),
    }


def mistakes_of_chance(drawn):
    """Mistakes of the probes that draw what is seen."""
    return {
        "Always shows the same: draws once, not at every reset.": edit(
            f"self.seen = {drawn}", f"self.seen = vars(self).get('seen', {drawn})"
        ),
    }


Probe1 = section.exercise(
    "Probe1",
    hints=[
        "Silence, right above, does nearly the same. In which number do they differ?",
        "Which of the five things that step returns say that the episode is over, and which of them is meant here?",
    ],
    mistakes={
        **mistakes_of_probes(),
        "Earns nothing.": edit("dtype=np.float32), 1.0", "dtype=np.float32), 0.0"),
        "Shows another observation.": edit(
            "np.array([0.0], dtype=np.float32), {}", "np.array([1.0], dtype=np.float32), {}"
        ),
        "Returns the observation alone from reset, without an info.": edit(
            "dtype=np.float32), {}", "dtype=np.float32)"
        ),
        "Has two actions.": edit("Discrete(1)", "Discrete(2)"),
    },
)


@Probe1.check(points=0.75, examples=5, seed=seeds)
def probe1_plays(solution, seed):
    """Shows 0, earns 1 and is terminated, in one step."""
    return played(solution.Probe1(), [0, 0], seed)


@Probe1.check(points=0.25)
def probe1_form(solution):
    """Satisfies gymnasium's check_env, with the right number of actions and observations of shape (1,)."""
    env = solution.Probe1()
    return complaint(Modern(env)), int(env.action_space.n), env.observation_space.shape


@Probe1.check(points=0.25, extra=True)
def probe1_strict(solution):
    """Satisfies check_env as it is, with float32 observations of the space, a Box no larger than them, bool flags."""
    return form(solution.Probe1())


_COIN = "float(self.np_random.choice([-1.0, 1.0]))"
Probe2 = section.exercise(
    "Probe2",
    hints=[
        "When is the observation drawn: when the environment is made, at reset, or in step?",
        "step has to know what was seen. Where can reset leave it?",
        "Which generator does super().reset(seed=seed) seed?",
    ],
    mistakes={
        **mistakes_of_probes(),
        **mistakes_of_chance(_COIN),
        "Draws from numpy's own generator, which no seed of reset reaches.": edit(
            "self.np_random.choice", "np.random.choice"
        ),
        "Always earns 1, whatever was seen.": edit("self.seen, True", "1.0, True"),
        "Earns the opposite of what was seen.": edit("self.seen, True", "-self.seen, True"),
        "Draws any number between -1 and 1.": edit(_COIN, "float(self.np_random.uniform(-1, 1))"),
        "Draws 0 or 1.": edit("[-1.0, 1.0]", "[0.0, 1.0]"),
        "One of the two is more probable.": edit("[-1.0, 1.0]", "[-1.0, 1.0, 1.0]"),
    },
)


def coin(inputs):
    """Both sides are equally probable."""
    return [0.5, 0.5]


@Probe2.check(points=0.5)
def probe2_pays(solution):
    """Shows -1 or 1, and pays what it shows."""
    return paid(solution.Probe2(), 1)


@Probe2.check(points=0.25, examples=5, seed=seeds)
def probe2_ends(solution, seed):
    """Is terminated after one step."""
    return played(solution.Probe2(), [0, 0], seed)[2:]


@Probe2.check(points=0.5, judge=distributed_as(probabilities=coin), examples=3, seed=seeds)
def probe2_chance(solution, seed):
    """Draws anew at every reset, both observations equally probable."""
    return (np.array(firsts(solution.Probe2(), EPISODES, seed)) + 1) / 2


@Probe2.check(points=0.25, judge=once_more)
def probe2_seeds(solution):
    """The seed given to reset decides what is drawn, from self.np_random."""
    return [firsts(solution.Probe2(), 50, seed) for seed in (5, 5, 6)]


@Probe2.check(points=0.25)
def probe2_form(solution):
    """Satisfies gymnasium's check_env, with the right number of actions and observations of shape (1,)."""
    env = solution.Probe2()
    return complaint(Modern(env)), int(env.action_space.n), env.observation_space.shape


@Probe2.check(points=0.25, extra=True)
def probe2_strict(solution):
    """Satisfies check_env as it is, with float32 observations of the space, a Box no larger than them, bool flags."""
    return form(solution.Probe2())


Probe3 = section.exercise(
    "Probe3",
    hints=[
        "How does step know whether it is the first or the second of its episode? Who sets that back?",
        "Write down all that two calls of step return, in two rows. Which columns differ?",
    ],
    mistakes={
        **mistakes_of_probes("over, False, {}", "over"),
        "Earns 1 in the first step as well.": edit("float(over)", "1.0"),
        "Earns 1 in the first step, and nothing in the second.": edit("float(over)", "float(not over)"),
        "Goes on showing 0.": edit("np.array([1.0]", "np.array([0.0]"),
        "Ends after the first step.": edit("self.steps == 2", "self.steps == 1"),
        "Ends after three steps.": edit("self.steps == 2", "self.steps == 3"),
        "reset does not begin again where an episode was left in the middle.": edit(
            "self.steps = 0", "self.steps = vars(self).get('steps', 0) % 2"
        ),
    },
)


@Probe3.check(examples=5, seed=seeds)
def probe3_plays(solution, seed):
    """Shows 0 and then 1, earns 0 and then 1, and is terminated after the second step."""
    return played(solution.Probe3(), [0, 0, 0], seed)


@Probe3.check(points=0.5, examples=5, seed=seeds)
def probe3_again(solution, seed):
    """An episode begins at reset, also when the last one was left in the middle."""
    env = solution.Probe3()
    played(env, [0], seed)
    return played(env, [0, 0, 0]), played(env, [0, 0, 0])


@Probe3.check(points=0.25)
def probe3_form(solution):
    """Satisfies gymnasium's check_env, with the right number of actions and observations of shape (1,)."""
    env = solution.Probe3()
    return complaint(Modern(env)), int(env.action_space.n), env.observation_space.shape


@Probe3.check(points=0.25, extra=True)
def probe3_strict(solution):
    """Satisfies check_env as it is, with float32 observations of the space, a Box no larger than them, bool flags."""
    return form(solution.Probe3())


Probe4 = section.exercise(
    "Probe4",
    hints=[
        "Which of Probe1's numbers depends on the action now?",
        "How does a Discrete space number two actions?",
    ],
    mistakes={
        **mistakes_of_probes(),
        "Action 0 earns 1; it is action 1 that does.": edit("action == 1", "action == 0"),
        "Action 0 earns 0; it loses 1.": edit("else -1.0", "else 0.0"),
        "Has one action only.": edit("Discrete(2)", "Discrete(1)"),
    },
)


@Probe4.check(examples=10, action=st.integers(0, 1), seed=seeds)
def probe4_plays(solution, action, seed):
    """Shows 0, earns 1 for action 1 and -1 for action 0, and is terminated, in one step."""
    return played(solution.Probe4(), [action, 0], seed)


@Probe4.check(points=0.25)
def probe4_form(solution):
    """Satisfies gymnasium's check_env, with the right number of actions and observations of shape (1,)."""
    env = solution.Probe4()
    return complaint(Modern(env)), int(env.action_space.n), env.observation_space.shape


@Probe4.check(points=0.25, extra=True)
def probe4_strict(solution):
    """Satisfies check_env as it is, with float32 observations of the space, a Box no larger than them, bool flags."""
    return form(solution.Probe4())


_EITHER = "float(self.np_random.integers(2))"
Probe5 = section.exercise(
    "Probe5",
    hints=[
        "Probe2 leaves something for step, and Probe4 looks at the action. What has this one to compare?",
        "Fill in a table of two observations and two actions. In which of its four places is a 1?",
    ],
    mistakes={
        **mistakes_of_probes(),
        **mistakes_of_chance(_EITHER),
        "Draws from numpy's own generator, which no seed of reset reaches.": edit(
            "self.np_random.integers(2)", "np.random.randint(2)"
        ),
        "Earns 1 for the action that differs from the observation.": edit("action == self.seen", "action != self.seen"),
        "Earns 1 for action 1, whatever was seen.": edit("action == self.seen", "action == 1"),
        "The wrong action earns 0; it loses 1.": edit("else -1.0", "else 0.0"),
        "Draws -1 or 1; there is no action -1.": edit(_EITHER, "float(2 * self.np_random.integers(2) - 1)"),
    },
)


@Probe5.check(points=0.75)
def probe5_pays(solution):
    """Shows 0 or 1; the action that equals it earns 1, the other one -1."""
    return paid(solution.Probe5(), 2)


@Probe5.check(points=0.25, examples=5, seed=seeds)
def probe5_ends(solution, seed):
    """Is terminated after one step."""
    return played(solution.Probe5(), [1, 1], seed)[2:]


@Probe5.check(points=0.25, judge=distributed_as(probabilities=coin), examples=3, seed=seeds)
def probe5_chance(solution, seed):
    """Draws anew at every reset, both observations equally probable."""
    return np.array(firsts(solution.Probe5(), EPISODES, seed))


@Probe5.check(points=0.25, judge=once_more)
def probe5_seeds(solution):
    """The seed given to reset decides what is drawn, from self.np_random."""
    return [firsts(solution.Probe5(), 50, seed) for seed in (5, 5, 6)]


@Probe5.check(points=0.25)
def probe5_form(solution):
    """Satisfies gymnasium's check_env, with the right number of actions and observations of shape (1,)."""
    env = solution.Probe5()
    return complaint(Modern(env)), int(env.action_space.n), env.observation_space.shape


@Probe5.check(points=0.25, extra=True)
def probe5_strict(solution):
    """Satisfies check_env as it is, with float32 observations of the space, a Box no larger than them, bool flags."""
    return form(solution.Probe5())


# %% linear_schedule
Schedule = namedtuple("Schedule", "current_step start_e end_e exploration_fraction total_timesteps")


@st.composite
def schedules(draw, late=False, rising=False):
    """Somewhere on the way, or behind it; ε falls or rises."""
    share, total = draw(st.sampled_from((0.5, 0.25, 0.75))), 8 * draw(st.integers(1, 4))
    arrives = int(share * total)
    step = draw(st.integers(arrives, 2 * total) if late else st.integers(0, arrives))
    low, high = draw(st.sampled_from((0.0, 0.25, 0.125))), draw(st.sampled_from((1.0, 0.5, 0.75)))
    return Schedule(step, *((low, high) if rising else (high, low)), share, total)


_SHARE = "min(current_step / (exploration_fraction * total_timesteps), 1.0)"
linear_schedule = section.exercise(
    "linear_schedule",
    hints=[
        "At which step has ε arrived at end_e? Which share of the way there lies behind at current_step?",
        "What does your formula give for a step long after that? What should it give?",
    ],
    mistakes={
        "Is not stopped at end_e: it goes on falling, below zero in the end.": edit(_SHARE, _SHARE[4:-6]),
        "Takes all steps to arrive; the exploring is over after a fraction of them.": edit(
            "(exploration_fraction * total_timesteps)", "total_timesteps"
        ),
        "Is one step too early.": edit("current_step /", "(current_step + 1) /"),
        "Begins at end_e and goes to start_e.": edit(
            "start_e + share * (end_e - start_e)", "end_e + share * (start_e - end_e)"
        ),
        "max() with end_e stops it where ε falls, and only there.": edit(
            f"share = {_SHARE}  # of the way that lies behind\n    return start_e + share * (end_e - start_e)",
            f"share = {_SHARE[4:-6]}\n    return max(start_e + share * (end_e - start_e), end_e)",
        ),
        "Falls like a power, not in a straight line.": edit(
            "start_e + share * (end_e - start_e)", "end_e + (start_e - end_e) * (1 - share) ** 2"
        ),
        "Subtracts from 1, not from start_e.": edit("start_e + share * (end_e - start_e)", "1 - share * (1 - end_e)"),
        "Jumps from start_e to end_e, without anything between.": edit(_SHARE, f"int({_SHARE})"),
    },
)
linear_schedule.call("schedule_falls", "Goes in a straight line from start_e to end_e.", points=0.75, case=schedules())
linear_schedule.call(
    "schedule_stays",
    "Stays at end_e after the exploration fraction of all steps.",
    points=0.5,
    examples=50,
    case=schedules(late=True),
)
linear_schedule.call(
    "schedule_rises",
    "Rises and stays if end_e is above start_e.",
    points=0.25,
    extra=True,
    examples=50,
    case=schedules(rising=True) | schedules(late=True, rising=True),
)


# %% QNetwork
Sizes = namedtuple("Sizes", "obs actions hidden")


@st.composite
def sizes(draw, least=1):
    obs, actions, *hidden = draw(st.permutations((2, 3, 4, 5, 6)))
    return Sizes(obs, actions, hidden[: draw(st.integers(least, 3))])


_LAST = "nn.Sequential(*layers, nn.Linear(sizes[-1], num_actions))"
QNetwork = section.exercise(
    "QNetwork",
    hints=[
        "How many Linear layers are there for two hidden sizes, and how many ReLUs?",
        "Write all sizes in a row, from the observation to the actions. Which pairs of them belong to a layer?",
        "Rewards of -1 make values negative. Which layer could not return those?",
    ],
    mistakes={
        "A ReLU after the last layer: values can never be negative.": edit(_LAST, f"{_LAST[:-1]}, nn.ReLU())"),
        "A softmax after the last layer: values are not probabilities.": edit(_LAST, f"{_LAST[:-1]}, nn.Softmax(-1))"),
        "No ReLU between the layers: all of them together are one linear map.": edit(", nn.ReLU()]", "]"),
        "A tanh in the place of the ReLU.": edit("nn.ReLU()]", "nn.Tanh()]"),
        "A ReLU before the first layer: negative observations are lost.": edit(
            _LAST, "nn.Sequential(nn.ReLU(), " + _LAST[14:]
        ),
        "The layers have no bias.": edit("nn.Linear(before, after)", "nn.Linear(before, after, bias=False)"),
        "Ignores hidden_sizes.": edit("super().__init__()", "super().__init__()\n        hidden_sizes = (120, 84)"),
        "Leaves out the last hidden layer.": edit(
            "super().__init__()", "super().__init__()\n        hidden_sizes = hidden_sizes[:-1]"
        ),
        "Other widths by default.": edit("(120, 84)", "(84, 120)"),
        "Returns the largest value only; it is one for each action.": edit(
            "return self.layers(x)", "return self.layers(x).max(-1).values"
        ),
        "Cuts the graph: nothing can be learned.": edit("return self.layers(x)", "return self.layers(x).detach()"),
    },
)


@QNetwork.check(judge=near, examples=50, seed=seeds, case=sizes())
def q_values(solution, seed, case):
    """Returns a value for each action, through hidden layers with a ReLU each and a last layer without."""
    network = q_network(solution.QNetwork, case.obs, case.actions, case.hidden)
    return filled(network, seed)(spread(seed, 3, case.obs)).detach()


@QNetwork.check(points=0.5, examples=5, obs=st.integers(2, 5), actions=st.integers(2, 5))
def q_default(solution, obs, actions):
    """Has hidden layers of 120 and 84 by default, and biases."""
    network = q_network(solution.QNetwork, obs, actions)
    return sorted(tuple(parameter.shape) for parameter in network.parameters())


@QNetwork.check(points=0.5, judge=near, examples=20, seed=seeds, case=sizes())
def q_gradients(solution, seed, case):
    """Lets gradients through."""
    network = filled(q_network(solution.QNetwork, case.obs, case.actions, case.hidden), seed)
    x = spread(seed, 3, case.obs).requires_grad_()
    network(x).sum().backward()
    return x.grad


@QNetwork.check(points=0.25, extra=True, judge=near, examples=20, seed=seeds, case=sizes(least=0))
def q_no_hidden(solution, seed, case):
    """Is a single layer if there are no hidden sizes."""
    network = q_network(solution.QNetwork, case.obs, case.actions, [])
    return filled(network, seed)(spread(seed, 3, case.obs)).detach()


# %% epsilon_greedy_policy
SAMPLES = 2000
views = st.integers(3, 5).flatmap(
    lambda actions: st.lists(
        st.permutations(range(actions)).map(lambda row: [float(each) for each in row]), min_size=2, max_size=3
    )
)  # a row for each environment, no two of its numbers equal
epsilons = st.sampled_from((0.5, 1.0, 0.75))


def exploring(inputs):
    """The probabilities of the actions in each environment. A Mirror's values are what it sees, in reverse order."""
    obs, epsilon = np.array(inputs["obs"])[:, ::-1], inputs["epsilon"]
    best = np.arange(obs.shape[1]) == obs.argmax(axis=1)[:, None]  # (envs, actions)
    return np.where(best, 1 - epsilon, 0) + epsilon / obs.shape[1]


_ANY = "rng.integers(envs.single_action_space.n, size=envs.num_envs)"
_BEST = "values.argmax(dim=1)"
epsilon_greedy_policy = section.exercise(
    "epsilon_greedy_policy",
    hints=[
        "Three environments explore at once. How many numbers must come from rng, and from which range?",
        "q_network is torch's and obs is numpy's. What has to be turned into what, on the way in and on the way out?",
        "values has an axis for environments and one for actions. Along which of them is the best one looked for?",
    ],
    mistakes={
        "Never explores.": edit("rng.random() < epsilon", "rng.random() < 0"),
        "Explores when it should exploit.": edit("rng.random() < epsilon", "rng.random() > epsilon"),
        "All environments get the same random action.": edit(
            _ANY, _ANY.replace("envs.num_envs)", "1).repeat(envs.num_envs)")
        ),
        "Takes it that there are two actions.": edit(_ANY, _ANY.replace("envs.single_action_space.n", "2")),
        "The last action is never explored: integers(n) already leaves n out.": edit(
            _ANY, _ANY.replace("n,", "n - 1,")
        ),
        "Exploring leaves the best action out.": edit(
            f"return {_ANY}  # (envs,)",
            "best = q_network(torch.as_tensor(obs)).argmax(dim=1).numpy()\n"
            "        n = envs.single_action_space.n\n"
            "        return (best + 1 + rng.integers(n - 1, size=envs.num_envs)) % n",
        ),
        "Draws from numpy's global generator, not from rng.": edit(
            _ANY, "np.random.randint(envs.single_action_space.n, size=envs.num_envs)"
        ),
        "Makes a generator of its own for every call: it always draws the same.": edit(
            "    if rng.random()", "    rng = np.random.default_rng(0)\n    if rng.random()"
        ),
        "Takes the action with the lowest value.": edit(_BEST, "values.argmin(dim=1)"),
        "Looks for the best environment, not for the best action.": edit(_BEST, "values.argmax(dim=0)"),
        "Takes the first environment's action everywhere.": edit(_BEST, "values.argmax(dim=1)[:1].repeat(len(obs))"),
        "Looks at the observations themselves, not at their values.": edit(
            "q_network(torch.as_tensor(obs))", "torch.as_tensor(obs)"
        ),
        "Returns the values in the place of the actions.": edit(_BEST, "values.max(dim=1).values"),
    },
)


@epsilon_greedy_policy.check(examples=50, obs=views)
def policy_greedy(solution, obs):
    """With epsilon = 0 takes the action with the highest value in each environment."""
    return chosen(solution.epsilon_greedy_policy, obs, 0.0)


@epsilon_greedy_policy.check(judge=distributed_as(probabilities=exploring), examples=3, obs=views, epsilon=epsilons)
def policy_explores(solution, obs, epsilon):
    """With probability epsilon takes any action in each environment, all equally probable, the best one among them."""
    return chosen(solution.epsilon_greedy_policy, obs, epsilon, times=SAMPLES)


@epsilon_greedy_policy.check(points=0.5, judge=once_more, examples=2, obs=views)
def policy_seeds(solution, obs):
    """Draws from rng: with the same seed the same, with another one something else."""
    rngs = [np.random.default_rng(seed) for seed in (5, 5, 6)]
    return [chosen(solution.epsilon_greedy_policy, obs, 1.0, rng, times=40).tolist() for rng in rngs]


# %% ReplayBuffer
Kept = namedtuple("Kept", "size num_envs numbers")


@st.composite
def stores(draw, full=True, most=3):
    """A buffer for some environments, and the numbers of the transitions that come into it."""
    num_envs = draw(st.integers(1, most))
    size = num_envs * draw(st.integers(2, 4) if full else st.integers(3, 5))
    count = size + num_envs * draw(st.integers(0, 4)) if full else num_envs * draw(st.integers(1, 2))
    return Kept(size, num_envs, list(range(1, count + 1)))


overflowing = stores().filter(lambda case: len(case.numbers) > case.size)
_ROWS = "self.rng.integers(min(self.added, self.buffer_size), size=sample_size)"
ReplayBuffer = section.exercise(
    "ReplayBuffer",
    hints=[
        "Number the transitions from 0. In which place of a ring of buffer_size places belongs transition number 7?",
        "obs[rows] = … copies numbers into an array. What does a list of the arrays you were handed hold, once the "
        "environment has written into them again?",
        "Draw places first. How do you get all five fields of the same places?",
    ],
    mistakes={
        "When it is full, what is new is dropped; the oldest should go.": edit(
            "        rows = np.arange",
            "        if self.added >= self.buffer_size:\n            return\n        rows = np.arange",
        ),
        "Only the last transition is kept: all go to the same place.": edit(
            "np.arange(self.added, self.added + self.num_envs)", "np.arange(self.num_envs)"
        ),
        "Keeps the environment's own arrays, which change afterwards.": [
            edit("self.fields[number][rows] = new", "self.late = [*vars(self).get('late', []), (number, rows, new)]"),
            edit(
                "        rows = self.rng",
                "        for f, r, n in self.late:\n            self.fields[f][r] = n\n        rows = self.rng",
            ),
        ],
        "Each field is drawn for itself: what belongs together is torn apart.": edit(
            "field[rows], device", "field[self.rng.permutation(rows)], device"
        ),
        "The next observation is the observation once more.": edit("terminated, next_obs))", "terminated, obs))"),
        "The flags are inverted.": edit("rewards, terminated, next_obs))", "rewards, ~terminated, next_obs))"),
        "Draws from numpy's global generator: the seed decides nothing.": edit(
            _ROWS, "np.random.randint(min(self.added, self.buffer_size), size=sample_size)"
        ),
        "Makes a new generator for every sample: it always draws the same.": edit(
            "self.rng.integers", "np.random.default_rng(0).integers"
        ),
        "Draws neighbours: all but the first follow from it.": edit(
            _ROWS, "(self.rng.integers(self.buffer_size) + np.arange(sample_size)) % min(self.added, self.buffer_size)"
        ),
        "Always gives the newest ones, without any chance.": edit(
            _ROWS, "(self.added - 1 - np.arange(sample_size)) % self.buffer_size"
        ),
        "The last place is never drawn: integers(n) already leaves n out.": edit(
            "self.buffer_size), size", "self.buffer_size) - 1, size"
        ),
        "Rewards become whole numbers.": edit("((), np.float32)", "((), int)"),
        "Draws from all places, also from those that nothing was added to.": edit(
            "min(self.added, self.buffer_size)", "self.buffer_size"
        ),
    },
)


@ReplayBuffer.check(examples=30, case=stores())
def buffer_holds(solution, case):
    """Samples hold transitions as they were added, each field in its place."""
    kept = put(buffer(solution.ReplayBuffer, case.num_envs, case.size), case.numbers[: case.size], case.num_envs)
    return held(kept, case.size)


@ReplayBuffer.check(examples=30, case=overflowing)
def buffer_overflows(solution, case):
    """When it is full, new transitions take the place of the oldest ones."""
    kept = put(buffer(solution.ReplayBuffer, case.num_envs, case.size), case.numbers, case.num_envs)
    return held(kept, case.size)


@ReplayBuffer.check(points=0.5, examples=20, case=stores())
def buffer_copies(solution, case):
    """Keeps copies: what happens to the arrays afterwards does not matter."""
    kept = put(buffer(solution.ReplayBuffer, case.num_envs, case.size), case.numbers, case.num_envs, spoil=True)
    return held(kept, case.size)


def uniform(inputs):
    """All transitions are equally probable."""
    return np.full(inputs["size"], 1 / inputs["size"])


@ReplayBuffer.check(
    points=0.5, judge=distributed_as(probabilities=uniform), examples=3, seconds=10, size=st.integers(3, 6), seed=seeds
)
def buffer_uniform(solution, size, seed):
    """Draws all transitions with the same probability, anew for every sample."""
    kept = put(buffer(solution.ReplayBuffer, 1, size, seed), range(size))
    return np.array([sample[0][0] for sample in drawn(kept, 1, 1000)])


@ReplayBuffer.check(points=0.5, examples=3, size=st.integers(3, 4), seed=seeds)
def buffer_pairs(solution, size, seed):
    """Draws the transitions of a sample independently: every pair of two different ones turns up."""
    kept = put(buffer(solution.ReplayBuffer, 1, size, seed), range(size))
    pairs = {(one[0], other[0]) for one, other in drawn(kept, 2, 500)}
    return sorted(pair for pair in pairs if pair[0] != pair[1])


@ReplayBuffer.check(points=0.25, judge=once_more, examples=2, size=st.integers(4, 6))
def buffer_seeds(solution, size):
    """Buffers with the same seed draw the same, those with other seeds do not."""
    buffers = [put(buffer(solution.ReplayBuffer, 1, size, seed), range(size)) for seed in (5, 5, 6)]
    return [drawn(kept, 2, 30) for kept in buffers]


@ReplayBuffer.check(points=0.25, examples=20, case=stores(), sample_size=st.integers(1, 2))
def buffer_sizes(solution, case, sample_size):
    """A sample has as many rows as are asked for."""
    kept = put(buffer(solution.ReplayBuffer, case.num_envs, case.size), case.numbers, case.num_envs)
    return [len(field) for field in fields(kept.sample(sample_size, torch.device("cpu")))]


@ReplayBuffer.check(points=0.25, extra=True, examples=20, case=stores(full=False))
def buffer_not_full(solution, case):
    """As long as it is not full, only what was added is drawn."""
    kept = put(buffer(solution.ReplayBuffer, case.num_envs, case.size), case.numbers, case.num_envs)
    return held(kept, len(case.numbers))


@ReplayBuffer.check(points=0.25, extra=True, examples=10, case=stores(), obs=st.sampled_from(((2,), (3, 2), ())))
def buffer_dtypes(solution, case, obs):
    """Observations have any shape and are float32, rewards float, actions int64, flags bool, all on the device."""
    kept = put(buffer(solution.ReplayBuffer, case.num_envs, case.size, 0, obs), case.numbers, case.num_envs, obs)
    samples = fields(kept.sample(2, torch.device("meta")))  # where tensors have a form, but no numbers
    kinds = [
        str(field.dtype).replace("float64", "float32" if number == 2 else "float64")
        for number, field in enumerate(samples)
    ]
    return [(kind, str(field.device), tuple(field.shape)) for kind, field in zip(kinds, samples, strict=True)]


# %% td_targets, double_dqn_targets, td_loss
Seen = namedtuple("Seen", "rewards terminated next_q gamma")
SeenTwice = namedtuple("SeenTwice", "rewards terminated next_q_online next_q_target gamma")
_FLAGS = (False, True)


@st.composite
def seen(draw, twice=False, flags=_FLAGS, values=WHOLE):
    """A batch. No action's value equals another's for the network that chooses."""
    batch, actions = draw(st.permutations((2, 3, 4, 1)).filter(lambda sizes: sizes[1] > 1))[:2]
    rewards, ends = draw(tensors((batch,))), draw(tensors((batch,), flags, "bool"))
    next_q, gamma = draw(tensors((batch, actions), values)), draw(gammas)
    if not twice:
        return Seen(rewards, ends, next_q, gamma)
    rows = draw(st.lists(st.permutations(range(actions)), min_size=batch, max_size=batch))
    return SeenTwice(rewards, ends, torch.tensor(rows, dtype=torch.float32), next_q, gamma)


def pull(targets, *leaves):
    """The gradients of a loss of targets, that of what is pulled towards them first."""
    q = torch.zeros(len(targets), requires_grad=True)
    ((q - targets) ** 2).sum().backward()
    return [q.grad, *(leaf.grad for leaf in leaves)]


def leaf(x):
    return x.clone().requires_grad_()


_MASKED = "torch.where(terminated, 0.0, best)"
td_targets = section.exercise(
    "td_targets",
    hints=[
        "Two rows of next_q belong to two transitions. Which number of each is the best that was to come?",
        "An episode was terminated. What of the formula is left?",
        "next_q comes out of a network. What keeps a loss from changing that network through the target?",
    ],
    mistakes={
        "Looks ahead from where the episode was terminated: nothing more is to come there.": edit(_MASKED, "best"),
        "The flags are taken the wrong way round: looks ahead only where the episode has ended.": edit(
            _MASKED, "torch.where(terminated, best, 0.0)"
        ),
        "The reward of the last step is lost along with what follows it.": edit(
            f"rewards + gamma * {_MASKED}", "torch.where(terminated, 0.0, rewards + gamma * best)"
        ),
        "Does not discount.": edit("gamma * ", ""),
        "Discounts the reward as well.": edit(f"rewards + gamma * {_MASKED}", f"gamma * (rewards + {_MASKED})"),
        "Takes the mean over the actions, not the best of them.": edit(".max(dim=1).values", ".mean(dim=1)"),
        "Takes the number of the best action, not its value.": edit(".max(dim=1).values", ".argmax(dim=1).float()"),
        "Looks for the best of the whole batch.": edit(".max(dim=1).values", ".max().expand(len(rewards))"),
        "Leaves the reward out.": edit("return rewards + ", "return "),
        "A gradient flows through the target: the target comes to the network as well.": edit(".detach()", ""),
    },
)
td_targets.call("targets_ahead", "Adds the discounted best next value to the reward.", case=seen(flags=(False,)))
td_targets.call("targets_end", "Where the episode was terminated, the reward is all.", case=seen())


@td_targets.check(points=0.75, examples=30, case=seen())
def targets_gradient(solution, case):
    """No gradient flows through the target."""
    next_q = leaf(case.next_q)
    return pull(solution.td_targets(case.rewards, case.terminated, next_q, case.gamma), next_q)


td_targets.call(
    "targets_infinite",
    "What the network says of states where all has ended does not matter, even if it is infinite or no number.",
    points=0.25,
    extra=True,
    examples=30,
    case=seen(flags=(True,), values=(float("inf"), float("-inf"), float("nan"), 1.0)),
)


_CHOSEN, _WORTH = "next_q_online.argmax(dim=1)", "next_q_target.detach()[torch.arange(len(chosen)), chosen]"
double_dqn_targets = section.exercise(
    "double_dqn_targets",
    hints=[
        "Which network is asked “which action?”, and which one “how much is it worth?”",
        "argmax gives a column of numbers of actions. What takes from each row the entry of that number?",
    ],
    mistakes={
        "The target network chooses too: that is td_targets.": edit(_CHOSEN, "next_q_target.argmax(dim=1)"),
        "The online network says what its own choice is worth.": edit(_WORTH, _WORTH.replace("target", "online")),
        "The networks change places.": [
            edit(_CHOSEN, _CHOSEN.replace("online", "target")),
            edit(_WORTH, _WORTH.replace("target", "online")),
        ],
        "Takes the smaller one of the two networks' best values.": edit(
            _WORTH, "torch.minimum(next_q_online, next_q_target).detach().max(dim=1).values"
        ),
        "Looks ahead from where the episode was terminated: nothing more is to come there.": edit(
            "torch.where(terminated, 0.0, worth)", "worth"
        ),
        "The flags are taken the wrong way round: looks ahead only where the episode has ended.": edit(
            "terminated, 0.0, worth", "terminated, worth, 0.0"
        ),
        "Does not discount.": edit("gamma * ", ""),
        "Leaves the reward out.": edit("return rewards + ", "return "),
        "A gradient flows through the target: the target comes to the network as well.": edit(".detach()", ""),
    },
)
double_dqn_targets.call(
    "double_ahead",
    "Adds the discounted value that the target network gives the online network's choice.",
    case=seen(twice=True, flags=(False,)),
)
double_dqn_targets.call(
    "double_end", "Where the episode was terminated, the reward is all.", points=0.5, case=seen(twice=True)
)


@double_dqn_targets.check(points=0.5, examples=30, case=seen(twice=True))
def double_gradient(solution, case):
    """No gradient flows through the target, to neither network."""
    online, target = leaf(case.next_q_online), leaf(case.next_q_target)
    targets = solution.double_dqn_targets(case.rewards, case.terminated, online, target, case.gamma)
    return pull(targets, online, target)


Guess = namedtuple("Guess", "q actions targets")


@st.composite
def guesses(draw, least=1):
    batch, actions = draw(st.permutations((2, 3, 4, 1)).filter(lambda sizes: sizes[1] > 1 and sizes[0] >= least))[:2]
    taken = draw(st.lists(st.integers(0, actions - 1), min_size=batch, max_size=batch))
    return Guess(draw(tensors((batch, actions))), torch.tensor(taken), draw(tensors((batch,))))


_TAKEN = "q[torch.arange(len(actions)), actions]"
td_loss = section.exercise(
    "td_loss",
    hints=[
        "q[:, actions] has a row and a column for each transition of the batch. How many entries do you want?",
        "Which entries of q may get a gradient? And which numbers are only data here?",
    ],
    mistakes={
        "q[:, a] takes the actions of all transitions in every row: batch × batch numbers.": edit(
            _TAKEN, "q[:, actions]"
        ),
        "q[a] takes rows of the batch, not actions.": edit(_TAKEN, "q[actions % len(q)].max(dim=1).values"),
        "Takes the best action's value, whatever was done.": edit(_TAKEN, "q.max(dim=1).values"),
        "Compares all actions with the target: those that were not taken learn it too.": edit(
            "(targets.detach() - taken)", "(targets.detach()[:, None] - q)"
        ),
        "Adds up over the batch; it is the mean.": edit(".mean()", ".sum()"),
        "Is half of the mean.": edit(".mean()", ".mean() / 2"),
        "Averages absolute differences, not their squares.": edit(".pow(2)", ".abs()"),
        "Squares the mean difference, in which errors cancel.": edit(".pow(2).mean()", ".mean().pow(2)"),
        "Wraps the loss into a new tensor: no gradient comes to the network.": edit(
            "return (targets.detach() - taken).pow(2).mean()",
            "return torch.tensor((targets.detach() - taken).pow(2).mean().item(), requires_grad=True)",
        ),
        "The values are detached: no gradient comes to the network.": edit(_TAKEN, f"{_TAKEN}.detach()"),
        "A gradient flows to the target as well.": edit("targets.detach()", "targets"),
    },
)
td_loss.call(
    "loss_values", "Is the mean squared difference between targets and values of the actions taken.", case=guesses()
)


@td_loss.check(examples=50, case=guesses())
def loss_gradient(solution, case):
    """Lets gradients flow to the values of the actions taken, and to nothing else."""
    q, targets = leaf(case.q), leaf(case.targets)
    solution.td_loss(q, case.actions, targets).backward()
    return q.grad, targets.grad


# %% DQNAgent
numbers = st.integers(-9, 9)
quarters = st.sampled_from((0.25, 0.5, 0.75, 1.0))


@st.composite
def scripts(draw, ends=".", least=1, most=2, long=3):
    """A script in which each letter of `ends` turns up at least once, where there is room."""
    steps, envs = draw(st.integers(2, long)), draw(st.integers(least, most))
    table = st.lists(st.lists(numbers, min_size=envs, max_size=envs), min_size=steps + 1, max_size=steps + 1)
    letters = draw(st.lists(st.sampled_from("." + ends), min_size=steps * envs, max_size=steps * envs))
    letters[draw(st.integers(0, steps * envs - 1))] = ends[0]
    rows = ["".join(letters[row * envs : (row + 1) * envs]) for row in range(steps)]
    return {"obs": draw(table), "rewards": draw(table)[:steps], "ends": rows, "num_actions": draw(st.integers(2, 3))}


_LOOP = "np.flatnonzero(terminated | truncated)"
_ADD = "self.buffer.add(self.obs, actions, rewards, terminated, seen)"
DQNAgent = section.exercise(
    "DQNAgent",
    hints=[
        "Five things go into a transition. Which of them are known before the step, and which come out of it?",
        "An episode ends in environment 1 and the next one begins. Two observations are at hand: which is stored, on "
        "which one does the agent act next?",
        "What happens to self.obs if you write into next_obs? Who else holds the same array?",
    ],
    mistakes={
        "Stores the first observation of the next episode as what the last action has led to.": edit(_LOOP, "[]"),
        "Looks up the last observation only where the episode was terminated, not where it was truncated.": edit(
            _LOOP, "np.flatnonzero(terminated)"
        ),
        "Looks up the last observation only in the first environment.": edit(_LOOP, f"{_LOOP}[:1] * 0"),
        "Stores a truncated episode as terminated.": edit(
            "rewards, terminated, seen)", "rewards, terminated | truncated, seen)"
        ),
        "Writes last observations into the array it acts on next: next_obs is not copied.": edit(
            "next_obs.copy()", "next_obs"
        ),
        "Never looks up: self.obs stays what reset has shown.": edit("self.obs = next_obs", "pass"),
        "Stores what was seen after the step as what was seen before.": edit("add(self.obs,", "add(next_obs,"),
        "Observation and next observation change places.": edit(
            _ADD, "self.buffer.add(seen, actions, rewards, terminated, self.obs)"
        ),
        "Nothing is added to the buffer.": edit(f"        {_ADD}\n", ""),
        "Does not count its steps, or does not look at the count: it always explores as at first.": edit(
            "self.step += self.envs.num_envs", "pass"
        ),
        "Counts a step of all environments as one.": edit("self.envs.num_envs\n", "1\n"),
        "Does not keep how much it explores.": [
            edit("self.epsilon = linear", "epsilon = linear"),
            edit("obs, self.epsilon)", "obs, epsilon)"),
        ],
        "Chooses by start_e, not by what the schedule says.": edit("obs, self.epsilon)", "obs, self.schedule[0])"),
        "Never explores: the policy gets a zero.": edit("obs, self.epsilon)", "obs, 0.0)"),
        "Takes the step after the schedule: it is one step ahead.": edit("(self.step, *", "(self.step + 1, *"),
        "Does not return the infos.": edit("return infos", "return {}"),
    },
)


@DQNAgent.check(points=0.5, examples=30, seed=seeds, script=scripts())
def agent_acts(solution, seed, script):
    """Takes the best actions for what it sees, in every step, if it does not explore."""
    return play(solution, script, seed).actions


@DQNAgent.check(examples=30, seed=seeds, script=scripts())
def agent_adds(solution, seed, script):
    """Adds what it saw, did and earned in each step, and what it saw then."""
    return play(solution, script, seed).added


@DQNAgent.check(points=1.0, examples=50, seed=seeds, script=scripts(ends="T"))
def agent_terminated(solution, seed, script):
    """Adds the last observation of an episode that was terminated, and acts on the first one of the next."""
    return play(solution, script, seed).added


@DQNAgent.check(points=1.0, examples=50, seed=seeds, script=scripts(ends="UT"))
def agent_truncated(solution, seed, script):
    """Adds the last observation of an episode that was truncated, which it does not call terminated."""
    return play(solution, script, seed).added


@DQNAgent.check(points=0.75, examples=30, script=scripts(most=1), start_e=quarters, end_e=quarters)
def agent_epsilon(solution, script, start_e, end_e):
    """Explores as the schedule says for the steps it has made, and keeps that in self.epsilon."""
    return play(solution, script, 0, start_e, end_e).epsilons


@DQNAgent.check(points=0.5, examples=30, script=scripts(least=2, most=4), start_e=quarters, end_e=quarters)
def agent_counts(solution, script, start_e, end_e):
    """Counts the steps of all environments."""
    return play(solution, script, 0, start_e, end_e, total=24).epsilons


@DQNAgent.check(points=0.5, examples=20, seed=seeds, script=scripts(least=3, most=3))
def agent_calms(solution, seed, script):
    """Takes the best actions as soon as epsilon is zero, though it explored before."""
    return play(solution, script, seed, 1.0, 0.0, total=6).actions[1:]


def any_action(inputs):
    """All actions are equally probable."""
    return np.full(inputs["num_actions"], 1 / inputs["num_actions"])


@DQNAgent.check(
    points=0.5, judge=distributed_as(probabilities=any_action), examples=3, seed=seeds, num_actions=st.integers(2, 4)
)
def agent_explores(solution, seed, num_actions):
    """Takes any action, all equally probable, if epsilon is one."""
    script = {"obs": [[1]] * 301, "rewards": [[0]] * 300, "ends": ["."] * 300, "num_actions": num_actions}
    return np.array(play(solution, script, seed, 1.0, 1.0).actions)


@DQNAgent.check(points=0.25, examples=20, seed=seeds, script=scripts(ends="TU"))
def agent_infos(solution, seed, script):
    """Returns the infos of its step, which tell of episodes that have ended, here how long they were."""
    return play(solution, script, seed).lengths


# %% DQNTrainer
def copied(observed, expected, inputs):
    """The target network is what the network was after the step, as in the reference, or what it was before it."""
    words = difference(observed, expected)
    either = isinstance(observed, tuple) and len(observed) == 2 and difference(observed[0], expected[1])
    return words and (difference(observed[1], expected[1]) or (words if either is not None else None))


_TARGET_STEP = "self.target_network(batch.next_obs)"
_SYNC = "            self.target_network.load_state_dict(self.q_network.state_dict())"
_EVERY = "if step % self.args.trains_per_target_update == 0:"
DQNTrainer = section.exercise(
    "DQNTrainer",
    hints=[
        "Two networks, two kinds of observations in the batch: which network looks at which?",
        "You have written functions for the targets and for the loss. What is left to do with a loss?",
        "After how many training steps is step a multiple of trains_per_target_update, and what is copied where then?",
    ],
    aliases=["DQNLightning"],
    mistakes={
        "Targets are computed from the observations of before the step, not the next ones.": edit(
            _TARGET_STEP, "self.target_network(batch.obs)"
        ),
        "The network computes its own targets; that is what the target network is for.": edit(
            _TARGET_STEP, "self.q_network(batch.next_obs)"
        ),
        "The target network says what the actions were worth: nothing comes to the network.": edit(
            "td_loss(self.q_network(batch.obs)", "td_loss(self.target_network(batch.obs)"
        ),
        "Looks ahead from where episodes were terminated.": edit(
            "batch.terminated, self", "torch.zeros_like(batch.terminated), self"
        ),
        "Looks ahead only from where episodes were terminated.": edit(
            "batch.terminated, self", "~batch.terminated, self"
        ),
        "Takes the usual gamma, not that of its args.": edit("self.args.gamma)", "0.99)"),
        "Takes another number of transitions than batch_size.": edit("(self.args.batch_size", "(32"),
        "Gradients add up from step to step.": edit("        self.optimizer.zero_grad()\n", ""),
        "Computes gradients and never makes a step.": edit("        self.optimizer.step()\n", ""),
        "Wraps the loss into a new tensor: there is no gradient.": edit(
            "loss.backward()", "torch.tensor(loss.item(), requires_grad=True).backward()"
        ),
        "Climbs: the loss grows.": edit("loss.backward()", "(-loss).backward()"),
        "Makes the step twice.": edit("        self.optimizer.step()\n", "        self.optimizer.step()\n" * 2),
        "The target network is never updated: nothing is copied into it.": edit(_SYNC, "            pass"),
        "The target network is updated in every step.": edit(_EVERY, "if True:"),
        "Both become the same network: from then on it computes its own targets.": edit(
            _SYNC, "            self.target_network = self.q_network"
        ),
    },
)


@DQNTrainer.check(points=1.5, examples=30, seed=seeds, batch_size=st.integers(2, 9))
def trainer_step(solution, seed, batch_size):
    """Takes one step down the gradient of the loss of a batch."""
    return trained(solution.DQNTrainer, seed, [1], batch_size)[:2]  # and whether gradients came


@DQNTrainer.check(points=0.5, examples=30, seed=seeds)
def trainer_steps(solution, seed):
    """Gradients of an earlier step take no part in the next one."""
    return trained(solution.DQNTrainer, seed, [1, 2, 3]).network


@DQNTrainer.check(points=0.5, examples=20, seed=seeds, every=st.integers(3, 5))
def trainer_keeps(solution, seed, every):
    """Between updates, the target network stays as it is."""
    return trained(solution.DQNTrainer, seed, [1, 2], every=every).target


@DQNTrainer.check(points=1.5, judge=copied, examples=20, seed=seeds, every=st.integers(2, 5))
def trainer_copies(solution, seed, every):
    """The target network becomes a copy when the step is a multiple of trains_per_target_update, and then stays so."""
    before = trained(solution.DQNTrainer, seed, [every - 1]).network
    return trained(solution.DQNTrainer, seed, [every - 1, every, every + 1], every=every).target, before


@DQNTrainer.check(points=0.25, extra=True, examples=10, seed=seeds)
def trainer_spares(solution, seed):
    """The target network's parameters get no gradients."""
    return trained(solution.DQNTrainer, seed, [1, 2]).gradients
