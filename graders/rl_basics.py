"""Checks of the section `rl_basics`: bandits, planning with known probabilities, and learning from experience.

Decision processes are small tables (`exercises/given/mdps.py`) of whole rewards, and what checks do with agents is
scripted (`exercises/given/rl_basics_examples.py`): single updates are compared number by number. Policies are judged by
what they are worth, so that ties may be broken in any way. What is left to chance is judged by its distribution.

Where editions of the curriculum differ, all are right: the toy's numbering, the cliff's -100 with or without the
penalty, optimism that counts as a sample, t before or after the pull, gym's interface before gymnasium, names of λ.
All of them look ahead from terminal states and rely on Q being 0 there; no experience of a check ends where it is not.
Of the curriculum nothing is left out. What the step into the cliff's goal earns is asked for beside the score, and so
is how traces accumulate: there answers may differ, and the text says what is meant.
"""

import functools
import itertools
import math
from collections import namedtuple

import gymnasium as gym
import numpy as np
from gymnasium.utils.env_checker import check_env
from hypothesis import strategies as st

from exercises.given.mdps import Table
from exercises.given.rl_basics_examples import (
    Counting,
    bandit,
    chances,
    choices,
    earnings,
    episodes,
    learned,
    planner,
    pulled,
    show,
    stairs,
    standing_in,
    taught,
)
from graders.engine import HALVES, NONZERO, WHOLE, Section, arrays, close, difference, distributed_as, edit

section = Section("rl_basics", title="Reinforcement learning from bandits to SARSA")

# Agents with tables also stand in answers to the next part, which import these.
section.lend(
    Environment="exercises.given.mdps.Environment",
    DiscreteEnviroGym="exercises.given.mdps.DiscreteEnviroGym",
)
gammas = st.sampled_from((0.5, 0.75, 0.9))
rates = st.sampled_from((0.5, 0.25, 0.125))
whole = st.integers(-9, 9).map(float)
arms = st.integers(0, 9)  # always ten: older answers take their number from outside of the class


# %% What judges share
def once_more(observed, expected, inputs):
    """Runs of the seeds 5, 5 and 6: the first two are the same, the third is not (by chance: 1 in 2^40 at the most)."""
    if len(observed) != 3 or any(len(run) != len(expected[0]) for run in observed):
        return difference(observed, expected)
    if observed[0] != observed[1]:
        return "two runs with the same seed differ"
    return "runs with different seeds are the same" if observed[0] == observed[2] else None


def unfit(policy, q):
    """What is wrong with a policy that is to take the best actions by q, (states, actions), in words or None."""
    if policy.shape != q.shape[:1]:
        return f"shape {policy.shape}, expected {q.shape[:1]}"
    if policy.dtype.kind not in "iuf" or not np.isin(policy, np.arange(q.shape[1])).all():
        return f"{policy.tolist()} are not all actions, which are numbered from 0 to {q.shape[1] - 1}"
    promised = q[np.arange(len(q)), policy.astype(int)]
    worst = int((q.max(axis=1) - promised).argmax())
    best = int(q[worst].argmax())
    if q[worst, best] - promised[worst] <= 1e-6 * (1 + np.abs(q).max()):
        return None
    told = [f"action {act:g} promises {q[worst, int(act)]:.4g}" for act in (policy[worst], best)]
    return f"in state {worst}, {told[0]}, and {told[1]}"


def promises(world, gamma, values):
    """What each action of a Table promises, (states, actions), if `values` are those of the states."""
    env = Table(*world)
    return (env.T * (env.R + gamma * values)).sum(axis=2)


def optimal_promises(world, gamma):
    """What each action promises, (states, actions), if one goes on in the best way."""
    env, states = Table(*world), np.arange(len(world[0]))
    q = np.zeros((len(states), env.num_actions))
    for _ in range(100):  # policy iteration
        pi = q.argmax(axis=1)
        P, R = env.T[states, pi], env.R[states, pi]  # noqa: N806
        better = promises(world, gamma, np.linalg.solve(np.eye(len(states)) - gamma * P, (P * R).sum(axis=1)))
        if (better.max(axis=1) <= better[states, pi] + 1e-9).all():
            break
        q = better
    return better


# %% discounted_return, softmax_policy
Rewards = namedtuple("Rewards", "rewards gamma")


def returns(factors=gammas, least=1):
    return st.builds(Rewards, st.lists(whole, min_size=least, max_size=5), factors)


discounted_return = section.exercise(
    "discounted_return",
    hints=[
        "By which power of γ is the first reward multiplied? And the third?",
        "If you knew the return from the second step on, how would you get the one from the first step on?",
    ],
    mistakes={
        "Discounts the first reward too.": edit("return float(total)", "return float(gamma * total)"),
        "Counts from the wrong end: the last reward counts in full.": edit("reversed(rewards)", "rewards"),
        "Does not discount.": edit("gamma * total", "total"),
        "Averages over the steps.": edit("float(total)", "float(total) / len(rewards)"),
        "Discounts all later rewards once.": edit("float(total)", "float(rewards[0] + gamma * sum(rewards[1:]))"),
    },
)
discounted_return.call(
    "return_of_an_episode",
    "Discounts each reward by as many powers of gamma as there are rewards before it.",
    case=returns(),
)
discounted_return.call(
    "return_at_the_ends",
    "With gamma = 0 the first reward counts alone, with gamma = 1 all count in full.",
    points=0.5,
    case=returns(st.sampled_from((0.0, 1.0))),
)


@discounted_return.check(points=0.25, extra=True, examples=30, case=returns(least=0))
def return_of_an_array(solution, case):
    """Takes an array, and gives zero for no rewards at all."""
    return float(solution.discounted_return(np.array(case.rewards), case.gamma))


Preferences = namedtuple("Preferences", "prefs tau")


def preferences(values=WHOLE, taus=(0.5, 2.0, 1.0)):
    return st.builds(Preferences, st.integers(1, 4).flatmap(lambda n: arrays((n,), values)), st.sampled_from(taus))


softmax_policy = section.exercise(
    "softmax_policy",
    hints=[
        "What happens to the quotient if every exponential is multiplied by the same number?",
        "Which number would you subtract so that the largest exponent is exactly 0: before or after dividing by τ?",
    ],
    mistakes={
        "Multiplies by the temperature: hot becomes cold.": edit("prefs / tau", "prefs * tau"),
        "Ignores the temperature.": edit("prefs / tau", "prefs"),
        "Exponentiates as it is: large preferences overflow.": edit("scaled - scaled.max()", "scaled"),
        "Divides by the largest weight, not by the sum.": edit("weights.sum()", "weights.max()"),
        "Gives everything to the best action.": edit("np.exp(scaled - scaled.max())", "(scaled == scaled.max()) * 1.0"),
    },
)
softmax_policy.call(
    "softmax_values", "Gives actions probabilities in proportion to exp(preference / tau).", case=preferences()
)
softmax_policy.call(
    "softmax_far_apart",
    "Neither overflows nor underflows for preferences in the thousands, or a tiny tau.",
    points=0.5,
    extra=True,
    case=preferences((0, 1000, 1001, -1000), (1.0, 2.0)) | preferences((0, 1, -9, 9), (0.001,)),
)


# %% MultiArmedBandit
PULLS = 1000
means = st.permutations((-4.0, 0.0, 3.0))
of_three = st.integers(0, 2)


def normal(mean, spread):
    """The distribution function of the normal distribution."""
    return lambda x: np.array([(1 + math.erf((each - mean) / spread / 2**0.5)) / 2 for each in x])


MultiArmedBandit = section.exercise(
    "MultiArmedBandit",
    hints=[
        "gymnasium's reset has made self.np_random. Which of its methods draws from a normal distribution?",
        "In a bandit that is not stationary: which arms drift when one is pulled? Which attribute may be out of date "
        "afterwards?",
        "What are the five things that step returns, in order? A bandit never ends by itself.",
    ],
    mistakes={
        "Pays the mean itself, without any chance.": edit("means[arm])", "means[arm], 0.0)"),
        "Draws from numpy's own generator, not the seeded one.": edit("reward = self.np_random", "reward = np.random"),
        "Only the pulled arm drifts.": edit("means, 0.01)", "means, 0.01 * np.eye(self.num_arms)[arm])"),
        "Takes 0.01² for the standard deviation of a step.": edit("means, 0.01)", "means, 0.0001)"),
        "The arms of a stationary bandit drift as well.": edit("if not self.stationary:", "if True:"),
        "Goes on calling an arm the best that has been overtaken.": edit(
            "            self.best_arm = int(self.arm_reward_means.argmax())\n        reward", "        reward"
        ),
        "Says that the episode is over.": edit("False, False, {", "True, False, {"),
    },
)


@MultiArmedBandit.check(
    judge=distributed_as(cdf=lambda inputs: normal(inputs["means"][inputs["arm"]], 1.0)),
    examples=5,
    means=means,
    arm=of_three,
)
def bandit_rewards(solution, means, arm):
    """Pays rewards that are normally distributed around the mean of the pulled arm, with a standard deviation of 1."""
    env = bandit(solution.MultiArmedBandit, means)
    return np.array([env.step(arm)[1] for _ in range(PULLS)], dtype=float)


@MultiArmedBandit.check(points=0.5, examples=20, means=means, arm=of_three)
def bandit_form(solution, means, arm):
    """Returns the observation 0, does not end, and tells the best arm in its info."""
    obs, _, *flags, info = bandit(solution.MultiArmedBandit, means).step(arm)
    return int(obs), max(map(bool, flags)), int(info["best_arm"])


@MultiArmedBandit.check(points=0.25, examples=10, means=means, arm=of_three)
def bandit_stays(solution, means, arm):
    """The means of a stationary bandit stay as they are."""
    env = bandit(solution.MultiArmedBandit, means)
    env.step(arm)
    return env.arm_reward_means


@MultiArmedBandit.check(
    points=0.5, judge=distributed_as(cdf=lambda inputs: normal(0.0, 0.01)), examples=3, arm=of_three
)
def bandit_drifts(solution, arm):
    """All means of a bandit that is not stationary take steps of their own, with a standard deviation of 0.01."""
    env = bandit(solution.MultiArmedBandit, [0.0, 0.0, 0.0], stationary=False)
    return np.diff([env.arm_reward_means.copy() for _ in range(PULLS + 1) if env.step(arm)], axis=0)


@MultiArmedBandit.check(points=0.25, examples=20, means=means, arm=of_three)
def bandit_overtaken(solution, means, arm):
    """When a bandit is not stationary, its info tells which arm is the best now."""
    env = bandit(solution.MultiArmedBandit, means, stationary=False)
    return int(env.step(arm)[-1]["best_arm"])


@MultiArmedBandit.check(points=0.25, extra=True, judge=once_more, examples=3, arm=of_three)
def bandit_seeds(solution, arm):
    """The seed given to reset decides what is paid: draw from self.np_random."""
    envs = [bandit(solution.MultiArmedBandit, [0.0, 0.0, 0.0], seed=seed) for seed in (5, 5, 6)]
    return [[float(env.step(arm)[1]) for _ in range(4)] for env in envs]


@MultiArmedBandit.check(points=0.25, extra=True, examples=3, size=st.integers(2, 9), stationary=st.booleans())
def bandit_checked(solution, size, stationary):
    """Passes gymnasium's own check of environments."""
    return check_env(solution.MultiArmedBandit(size, stationary), skip_render_check=True)


# %% CheatyMcCheater
CheatyMcCheater = section.exercise(
    "CheatyMcCheater",
    hints=[
        "When does the agent get to see the info, and when is it asked for an arm? What must it keep in between?",
        "What should get_action return if it is asked before anything was observed?",
    ],
    mistakes={
        "Repeats the arm that was pulled, not the one that is best.": edit('= info["best_arm"]', "= action"),
        "Keeps to the first arm it was told.": edit("= info[", "= self.best_arm or info["),
        "Pulls any arm.": edit("return self.best_arm", "return int(self.rng.integers(self.num_arms))"),
    },
)


@CheatyMcCheater.check(examples=30, told=st.lists(arms, min_size=1, max_size=3))
def cheats(solution, told):
    """Pulls the arm that the info has last called the best."""
    agent = solution.CheatyMcCheater(10, 0)
    for best in told:
        show(agent, 0, 0.0, best)
    return int(agent.get_action())


def an_arm(observed, expected, inputs):
    return None if observed in range(10) else f"{observed} is no arm; they are numbered from 0 to 9"


@CheatyMcCheater.check(points=0.25, judge=an_arm, examples=2, seed=st.integers(0, 9))
def cheats_at_first(solution, seed):
    """Pulls any arm before it was told anything."""
    return int(solution.CheatyMcCheater(10, seed).get_action())


# %% RewardAveraging
SAMPLES = 4000
epsilons = st.sampled_from((0.5, 1.0, 0.75))


@st.composite
def pulls(draw, rewards=whole, few=2, least=1, of=10):
    """Pulls of a few arms, which are pulled several times."""
    chosen = draw(st.permutations(range(of)))[:few]
    return draw(st.lists(st.tuples(st.sampled_from(chosen), rewards), min_size=least, max_size=6))


def tallies(pulls, tried=0, size=10):
    """How often each arm was pulled, and what it paid in all, before each choice: (choice, arm) each."""
    counts, totals = np.zeros((2, len(pulls) + 1, size))
    counts[:, :tried] = 1
    for at, (arm, reward) in enumerate(pulls, 1):
        counts[at:, arm] += 1
        totals[at:, arm] += reward
    return counts, totals


def badly_chosen(observed, expected, *readings):
    """What is wrong with choices that are to be the best by one of several readings, (choice, arm) each; or None."""
    if len(observed) != len(expected):
        return difference(observed, expected)
    told = []
    for values in readings:
        for at, (arm, row) in enumerate(zip(observed, values, strict=True)):
            if arm not in range(len(row)):
                return f"{arm} is no arm; they are numbered from 0 to {len(row) - 1}"
            if row[arm] < row.max() - 1e-6:
                told.append(f"choice {at} is arm {arm}, with {row[arm]:.4g}; arm {row.argmax()} has {row.max():.4g}")
                break
        else:
            return None
    return told[0]


def by_averages(observed, expected, inputs):
    """Each choice is an arm with the highest value, whether its first reward replaces the optimism or joins it."""
    optimism, (counts, totals) = inputs["optimism"], tallies(inputs["pulls"])
    replaced = np.where(counts > 0, totals / np.maximum(counts, 1), optimism)
    return badly_chosen(observed, expected, replaced, (optimism + totals) / (1 + counts))


def explored(inputs):
    """The probabilities of the actions of an epsilon-greedy agent."""
    size, best, epsilon = inputs.get("size", 10), inputs["best"], inputs["epsilon"]
    return np.where(np.arange(size) == best, 1 - epsilon + epsilon / size, epsilon / size)


def mistakes_of_exploring(count, epsilon, values):
    """Mistakes that bandits' agents and others share."""
    drawn = f"int(self.rng.integers({count}))"
    other = f"int(({values}.argmax() + 1 + self.rng.integers({count} - 1)) % {count})"
    return {
        "Explores when it should exploit.": edit(f"() < {epsilon}", f"() > {epsilon}"),
        "The last one is never explored: integers(n) already leaves n out.": edit(drawn, drawn.replace("))", " - 1))")),
        "Exploring leaves the best one out.": edit(drawn, other),
        "Never explores.": edit(f"() < {epsilon}", "() < 0"),
        "Makes a new generator for every choice: it always draws the same.": edit(
            "if self.rng.random()", "if np.random.default_rng(0).random()"
        ),
        "Draws from numpy's global generator: the seed decides nothing.": edit(drawn, f"np.random.randint({count})"),
    }


_VALUES = "self.Q = np.full(self.num_arms, float(self.optimism))"
_COUNTS = "self.N = np.zeros(self.num_arms)"
_COUNTS_KEPT = "self.N = getattr(self, 'N', np.zeros(self.num_arms))"
RewardAveraging = section.exercise(
    "RewardAveraging",
    hints=[
        "An arm has paid 4 and then 0. What should its value be after each? What does the update make of it, if N is "
        "counted before and if it is counted after?",
        "super().__init__ calls reset. What must be there already when it does?",
        "With epsilon = 1, how probable is each of the arms? How would you draw one of them with self.rng?",
    ],
    mistakes={
        **mistakes_of_exploring("self.num_arms", "self.epsilon", "self.Q"),
        "Adds rewards up, without averaging.": edit("(reward - self.Q[action]) / self.N[action]", "reward"),
        "Counts the pull too late: N is one too small in the average.": [
            edit("        self.N[action] += 1\n", ""),
            edit("/ self.N[action]\n", "/ max(self.N[action], 1)\n        self.N[action] += 1\n"),
        ],
        "Optimism is lost: zeros times optimism are zeros.": edit(_VALUES, "self.Q = np.zeros(10) * self.optimism"),
        "reset keeps what was learned.": edit(_VALUES, f"self.Q = getattr(self, 'Q', {_VALUES[9:]})"),
        "reset keeps the counts: new rewards hardly move the values.": edit(_COUNTS, _COUNTS_KEPT),
    },
)


@RewardAveraging.check(judge=by_averages, optimism=st.just(0.0), pulls=pulls())
def averages_rewards(solution, optimism, pulls):
    """Without exploring, chooses an arm with the highest average reward."""
    return choices(solution.RewardAveraging(10, 0, 0.0, optimism), pulls)


@RewardAveraging.check(points=0.5, judge=by_averages, optimism=st.sampled_from((5.0, -5.0, 2.0)), pulls=pulls())
def averages_with_optimism(solution, optimism, pulls):
    """An arm that was never pulled has the value `optimism`, until its first reward."""
    return choices(solution.RewardAveraging(10, 0, 0.0, optimism), pulls)


@RewardAveraging.check(
    points=0.5, judge=by_averages, optimism=st.sampled_from((0.0, 5.0, -5.0)), pulls=pulls(), before=pulls()
)
def averages_after_reset(solution, optimism, pulls, before):
    """Forgets all rewards at reset, and is as optimistic as at first."""
    return choices(solution.RewardAveraging(10, 0, 0.0, optimism), pulls, before=before)


@RewardAveraging.check(judge=distributed_as(probabilities=explored), examples=5, best=arms, epsilon=epsilons)
def averages_explore(solution, best, epsilon):
    """With probability epsilon chooses any arm, all equally probable, the best one among them."""
    agent = pulled(solution.RewardAveraging(10, 0, epsilon, 0.0), [(best, 1.0)])
    return np.array([int(agent.get_action()) for _ in range(SAMPLES)])


@RewardAveraging.check(points=0.25, extra=True, judge=once_more, examples=2, optimism=whole)
def averages_seeds(solution, optimism):
    """Agents with the same seed choose the same, those with other seeds do not: draw from self.rng."""
    agents = [solution.RewardAveraging(10, seed, 1.0, optimism) for seed in (5, 5, 6)]
    return [[int(agent.get_action()) for _ in range(20)] for agent in agents]


@RewardAveraging.check(points=0.25, extra=True, examples=20, size=st.integers(2, 9), best=st.integers(0, 1))
def averages_of_fewer_arms(solution, size, best):
    """Plays with any number of arms."""
    return int(pulled(solution.RewardAveraging(size, 0, 0.0, 0.0), [(best, 1.0)]).get_action())


# %% UCBActionSelection
weights = st.sampled_from((1.0, 2.0, 0.5))
quarters = st.sampled_from((0.0, 0.25, 0.5, 0.75, 1.0))
paid = pulls(st.integers(0, 9).map(float), few=3)


def bounds(size, observed, expected, inputs):
    """Each choice is an arm with the highest bound, whether t counts the pull to come or not."""
    c = inputs["c"]
    counts, totals = tallies(inputs["pulls"], size if c else 0, size)
    times = np.maximum(counts.sum(axis=1, keepdims=True) + np.array([[[0]], [[1]]]), 1)  # (reading, choice, 1)
    bonus = c * np.sqrt(np.log(times) / (counts + inputs.get("eps", 1e-6)))
    return badly_chosen(observed, expected, *(totals / np.maximum(counts, 1) + bonus))


by_bounds, by_bounds_of_two = functools.partial(bounds, 10), functools.partial(bounds, 2)


def untried(observed, expected, inputs):
    """An arm that was never pulled."""
    if observed not in range(10) or observed not in [arm for arm, _ in inputs["pulls"]]:
        return an_arm(observed, expected, inputs)
    return f"arm {observed} was pulled already, and others were not"


_EXPLORES = "        if self.rng.random() < self.eps:\n            return int(self.rng.integers(10))\n        bonus ="
_ROOT = "np.sqrt(np.log(self.t) / (self.N + self.eps))"
UCBActionSelection = section.exercise(
    "UCBActionSelection",
    hints=[
        "Read the formula for an arm that was pulled once, and for one that was pulled a hundred times. What stands "
        "under the root, and what does not?",
        "All arms at once: which of Q, N and t are arrays?",
        "What does the formula give an arm with N = 0? Who keeps it from dividing by zero?",
    ],
    mistakes={
        "There is no bonus, or it is 0 as t stays at 1.": edit("self.t += 1", "self.t += 0"),
        "Takes the root of ln t only, and divides by N itself.": edit(_ROOT, "np.sqrt(np.log(self.t)) / self.N"),
        "Leaves c out.": edit("self.c * np.sqrt", "np.sqrt"),
        "The bonus is a malus: it avoids what it knows little of.": edit("self.Q + bonus", "self.Q - bonus"),
        "Divides N by eps: often pulled arms get more.": edit(_ROOT, "np.sqrt(np.log(self.t) * self.N / self.eps)"),
        "Adds eps to the quotient, not to N.": edit(_ROOT, "np.sqrt(np.log(self.t) / self.N + self.eps)"),
        "Takes eps for the probability to explore.": edit("        bonus =", _EXPLORES),
        "Adds rewards up, without averaging.": edit("(reward - self.Q[action]) / self.N[action]", "reward"),
        "reset keeps the counts of the arms.": edit(_COUNTS, _COUNTS_KEPT),
    },
)


@UCBActionSelection.check(points=1.5, judge=by_bounds, c=weights, pulls=paid)
def ucb_choices(solution, c, pulls):
    """Chooses an arm with the highest sum of average and bonus."""
    return choices(solution.UCBActionSelection(10, 0, c), pulls, tried=10)


@UCBActionSelection.check(points=0.5, judge=untried, examples=50, c=weights, pulls=pulls(few=3, least=2))
def ucb_untried(solution, c, pulls):
    """As long as there are arms that were never pulled, chooses one of them."""
    return int(pulled(solution.UCBActionSelection(10, 0, c), pulls).get_action())


@UCBActionSelection.check(points=0.5, judge=by_bounds, examples=50, c=weights, pulls=paid, before=paid)
def ucb_after_reset(solution, c, pulls, before):
    """Forgets pulls and rewards at reset."""
    return choices(solution.UCBActionSelection(10, 0, c), pulls, tried=10, before=before)


@UCBActionSelection.check(
    points=0.25, extra=True, judge=by_bounds, examples=50, c=weights, eps=st.sampled_from((0.5, 1.0, 4.0)), pulls=paid
)
def ucb_eps(solution, c, eps, pulls):
    """Adds eps to how often an arm was pulled, under the root; it is no probability."""
    return choices(solution.UCBActionSelection(10, 0, c, eps), pulls, tried=10)


@UCBActionSelection.check(
    points=0.25, extra=True, judge=by_bounds_of_two, c=weights | st.just(0.0), pulls=pulls(quarters, of=2)
)
def ucb_of_two_arms(solution, c, pulls):
    """Plays with any number of arms, and with c = 0 by the averages alone."""
    return choices(solution.UCBActionSelection(2, 0, c), pulls, tried=2 if c else 0)


# %% Toy
def renumbered(observed, expected, inputs):
    """The table as it is, or with the first two states changing places: rows, and the states in them."""
    words = difference(observed, expected)
    if words is None or len(observed) != len(expected):
        return words
    other = {0: 1, 1: 0, 2: 2}
    moved = [[{other.get(state): value for state, value in each.items()} for each in row] for row in observed]
    return words if difference([moved[1], moved[0], moved[2]], expected) else None


Toy = section.exercise(
    "Toy",
    hints=[
        "Draw three circles in a row and an arrow for each state and action. How many arrows are there?",
        "When is the 2 earned: on the way into the right state, or on the way out?",
    ],
    mistakes={
        "Left and right are swapped.": edit("action == 0", "action == 1"),
        "The 2 is earned on the way into the right state; it is earned on the way out.": [
            edit("(right, 0.0)", "(right, 2.0)"),
            edit("(2.0 if state == right else 0.0)", "0.0"),
        ],
        "Going back earns 2 from both sides.": edit("(2.0 if state == right else 0.0)", "2.0"),
        "At the ends one stays where one is.": edit("new_state, reward = middle,", "new_state, reward = state,"),
    },
)


@Toy.check(judge=renumbered)
def toy_moves(solution):
    """Leads from the middle to the sides and back."""
    return [[chances(solution.Toy(), state, action) for action in (0, 1)] for state in (0, 1, 2)]


@Toy.check(judge=renumbered)
def toy_rewards(solution):
    """Pays 1 for going left, nothing for going right, and 2 for coming back from there."""
    return [[earnings(solution.Toy(), state, action) for action in (0, 1)] for state in (0, 1, 2)]


# %% Norvig
Place = namedtuple("Place", "penalty state action")
penalties = st.sampled_from((-0.25, -0.5, 0.0))
actions = st.integers(0, 3)
anywhere = st.builds(Place, penalties, st.sampled_from((8, 0, 1, 2, 4, 6, 9, 10, 11)), actions)  # not where it ends
_PROBS = "[0.7 if direction == action else 0.1 for direction in range(self.num_actions)]"
_STAYING = edit("np.array([0.0])", "np.array([self.goal_rewards[state]])")
_INSIDE = "0 <= new_row < self.height and 0 <= new_column < self.width"
Norvig = section.exercise(
    "Norvig",
    hints=[
        "Forget chance for a moment: where does one get to from state 4 by each of the four actions? And from 11?",
        "What does the chosen action change: the four new states, or how probable each of them is?",
        "divmod(state, width) gives row and column. How do you notice that a step would leave the maze, and how that "
        "it would end in the wall?",
    ],
    mistakes={
        "Slips to the sides only, as on Norvig's own ground.": edit(_PROBS, "np.roll([0.8, 0.1, 0.0, 0.1], action)"),
        "Never slips.": edit(_PROBS, "[float(direction == action) for direction in range(self.num_actions)]"),
        "Walks through the wall.": edit(" and new_state not in self.walls", ""),
        "Who leaves at the right comes in at the left, one row lower.": edit(_INSIDE, "0 <= new_state < 12"),
        "Up and down are swapped.": edit("row + down", "row - down"),
        "Left and right are swapped.": edit("column + right", "column - right"),
        "Goal and pit cost the penalty as well.": edit("(new_state, self.penalty)", "(new_state, 0.0) + self.penalty"),
        "Goal and pit pay again to who stays there.": _STAYING,
        "Goal and pit pay to who stays there, not to who comes in.": [_STAYING, edit("get(new_state", "get(None")],
        "One can leave the goal and the pit again.": edit("if state in self.terminal:", "if state in self.walls:"),
        "A step that leads nowhere is free.": edit("(new_state, self.", "(new_state, (new_state != state) * self."),
    },
)


@Norvig.check(case=anywhere)
def norvig_moves(solution, case):
    """Leads where one wants with probability 0.7, elsewhere with 0.1 each, and nowhere where the way is blocked."""
    return chances(solution.Norvig(case.penalty), case.state, case.action)


@Norvig.check(case=anywhere)
def norvig_rewards(solution, case):
    """Pays 1 for the goal, -1 for the pit, and the penalty for any other step."""
    return earnings(solution.Norvig(case.penalty), case.state, case.action)


@Norvig.check(points=0.5, examples=20, case=st.builds(Place, penalties, st.sampled_from((3, 7)), actions))
def norvig_ends(solution, case):
    """In the goal and the pit one stays, for nothing."""
    env = solution.Norvig(case.penalty)
    return chances(env, case.state, case.action), earnings(env, case.state, case.action)


# %% CliffWalking
def fallen(observed, expected, inputs):
    """The fall costs 100, with the penalty of a step or without."""
    words = difference(observed, expected)
    return words if words and difference(observed, {36: -101.0}) else None


Way = namedtuple("Way", "state action")
falls = [Way(36, 1), *(Way(state, 2) for state in range(25, 35))]  # off the cliff
strolls = [way for way in map(Way._make, itertools.product(range(37), range(4))) if way not in [*falls, (35, 2)]]
_ON_FIELD = "0 <= row < self.height and 0 <= column < self.width"
CliffWalking = section.exercise(
    "CliffWalking",
    hints=[
        "Where does one get to from 0, from 11 and from 36 by each of the four actions?",
        "Who steps off the cliff: in which state do they find themselves next? Is anyone ever in state 40?",
        "A step has two results, a state and a reward. Which of them does the cliff change?",
    ],
    mistakes={
        "Who falls stays there; it should be back at the start.": edit("new_state, reward = self.start,", "reward ="),
        "A fall costs no more than a step.": edit("self.start, -100.0", "self.start, reward"),
        "Who would leave the field comes in on the other side.": edit(_ON_FIELD, "0 <= row * 12 + column < 48"),
        "A step that ends where it began is free.": edit("), self.penalty", "), self.penalty * inside"),
        "The step into the goal is free.": edit(
            "        if new_state in", "        reward *= new_state != 47\n        if new_state in"
        ),
        "Up and down are swapped.": edit("+ self.actions[action]", "+ self.actions[action] * (-1, 1)"),
        "Left and right are swapped.": edit("+ self.actions[action]", "+ self.actions[action] * (1, -1)"),
        "Steps in the goal still cost something.": edit("np.array([0.0]), np", "np.array([self.penalty]), np"),
        "One can leave the goal again.": edit("if state in self.terminal:", "if state in self.cliff:"),
    },
)


@CliffWalking.check(way=st.sampled_from(strolls))
def cliff_steps(solution, way):
    """Leads where the action says, and nowhere at the edges, for -1."""
    return chances(solution.CliffWalking(), *way), earnings(solution.CliffWalking(), *way)


@CliffWalking.check(judge=fallen, examples=30, way=st.sampled_from(falls))
def cliff_falls(solution, way):
    """Who steps off the cliff is back at the start, and has earned -100."""
    return earnings(solution.CliffWalking(), *way)


@CliffWalking.check(points=0.5, examples=10, action=actions)
def cliff_goal(solution, action):
    """Leads into the goal from above, and there one stays for nothing."""
    env = solution.CliffWalking()
    return chances(env, 35, 2), chances(env, 47, action), earnings(env, 47, action)


@CliffWalking.check(points=0.25, extra=True, examples=10, penalty=penalties, state=st.sampled_from((0, 34, 35)))
def cliff_penalty(solution, penalty, state):
    """Every step earns the penalty, the one into the goal as well."""
    return earnings(solution.CliffWalking(penalty), state, 1), earnings(solution.CliffWalking(penalty), 35, 2)


# %% policy_eval_numerical, policy_eval_exact
World = namedtuple("World", "moves rewards slip terminal")
Policy = namedtuple("Policy", "world pi gamma")
shapes = st.sampled_from(((2, 1), (3, 2), (2, 3), (4, 3)))  # (states, actions)


@st.composite
def worlds(draw):
    """Moves, rewards, slip and terminal states of a Table."""
    states, actions = draw(shapes)
    moves = draw(arrays((states, actions), range(states), int)).tolist()
    rewards = draw(arrays((states, actions), WHOLE, int)).tolist()
    return World(moves, rewards, draw(st.sampled_from((0.25, 0.0, 0.5))), draw(st.sampled_from(([], [states - 1]))))


@st.composite
def policies(draw):
    world = draw(worlds())
    states, actions = np.shape(world[0])
    return Policy(world, draw(arrays((states,), range(actions), int)), draw(gammas))


near = close(rtol=1e-5, atol=1e-5)  # eps is 1e-8, and one sweep less will do


def last_or_one_before(observed, expected, inputs):
    """The first sweep that changes V[0] by less than eps is known, as it doubles what is still to come."""
    last = math.ceil(math.log2(abs(inputs["reward"]) / inputs["eps"]) + 1)
    return as_many_sweeps(observed, expected, {**inputs, "most": last})


def as_many_sweeps(observed, expected, inputs):
    """What V[0] comes to in so many sweeps with gamma = 0.5, or in one less; all other states earn nothing."""
    ends = [np.eye(len(expected))[0] * 2 * inputs["reward"] * (1 - 0.5 ** (inputs["most"] - less)) for less in (0, 1)]
    words = [difference(observed, end) for end in ends]
    return words[0] if all(words) else None


_SWEEP = "(T * (R + gamma * old)).sum(axis=1)"
_CHANGE = "np.abs(V - old).max()"
_PICKED = "env.T[states, pi], env.R[states, pi]"
policy_eval_numerical = section.exercise(
    "policy_eval_numerical",
    hints=[
        "Fix a state. Its action is pi[s], so which row of T[s, :, :] matters? What do you multiply it with?",
        "T[np.arange(n), pi] picks a row for every state at once. Which shape has it, and which axis is summed?",
        "You compare the values before and after a sweep. Which of all changes has to be below eps?",
    ],
    mistakes={
        "Does not discount.": edit("gamma * old", "old"),
        "Discounts the reward on the way as well.": edit("R + gamma * old", "gamma * (R + old)"),
        "Adds rewards without their probabilities.": edit(_SWEEP, "(R + gamma * T * old).sum(axis=1)"),
        "Always takes action 0, whatever the policy says.": edit(_PICKED, "env.T[:, 0], env.R[:, 0]"),
        "Takes the reward of the action in the next state.": edit(_SWEEP, "T @ (T * R).sum(axis=1) + gamma * T @ old"),
        "Sums over the states one comes from; the next states are on the last axis.": edit("axis=1", "axis=0"),
        "Makes a single sweep.": edit(f"if {_CHANGE} < eps:", "if True:"),
        "Stops when states change little on average.": edit(_CHANGE, "np.abs(V - old).mean()"),
        "Changes downward count as small: the absolute value is missing.": edit(_CHANGE, "(V - old).max()"),
        "Never stops before max_iterations.": edit(f"if {_CHANGE} < eps:", "if False:"),
        "Ignores max_iterations.": edit("range(max_iterations)", "range(10_000)"),
    },
)


@policy_eval_numerical.check(points=1.5, judge=near, case=policies())
def numerical_values(solution, case):
    """Gives the discounted value of the policy in each state."""
    return solution.policy_eval_numerical(Table(*case.world), case.pi, case.gamma, 1e-8, 300)


tall = st.sampled_from((8, -8, 9, -9))
lasting = st.integers(5, 8)


@policy_eval_numerical.check(
    points=0.5, judge=last_or_one_before, examples=30, reward=tall, idle=lasting, eps=st.sampled_from((1.5, 0.75, 3.0))
)
def numerical_stops(solution, reward, idle, eps):
    """Stops at the first sweep that changes no value by eps or more."""
    env = Table([[state] for state in range(idle + 1)], [[reward], *[[0]] * idle])
    return solution.policy_eval_numerical(env, np.zeros(idle + 1, dtype=int), 0.5, eps)


@policy_eval_numerical.check(
    points=0.25, extra=True, judge=as_many_sweeps, examples=10, reward=tall, most=st.integers(1, 4)
)
def numerical_most(solution, reward, most):
    """Makes at most max_iterations sweeps."""
    return solution.policy_eval_numerical(Table([[0]], [[reward]]), np.array([0]), 0.5, 1e-8, most)


policy_eval_exact = section.exercise(
    "policy_eval_exact",
    hints=[
        "Write the equation for two states. Which numbers are known, which are not?",
        "V = r + γ P V. Bring V to the left: by which matrix is it multiplied there?",
        "np.linalg.solve(A, b) finds the x for which A x = b.",
    ],
    mistakes={
        "P is transposed: it leads from the next states to the state.": edit("gamma * P,", "gamma * P.T,"),
        "Takes the usual gamma, not the one it is given.": edit("gamma * P,", "0.99 * P,"),
        "Adds what is to be subtracted.": edit("np.eye(env.num_states) - gamma", "np.eye(env.num_states) + gamma"),
        "Adds rewards without their probabilities.": edit("(P * R).sum(axis=1)", "R.sum(axis=1)"),
        "Takes the reward of the action in the next state.": edit("(P * R).sum(axis=1)", "P @ (P * R).sum(axis=1)"),
        "Returns the reward of one step only.": edit("np.linalg.solve(np.eye(env.num_states) - gamma * P, r)", "r"),
        "Always takes action 0, whatever the policy says.": edit(_PICKED, "env.T[:, 0], env.R[:, 0]"),
    },
)


@policy_eval_exact.check(points=1.5, case=policies())
def exact_values(solution, case):
    """Gives the discounted value of the policy in each state."""
    return solution.policy_eval_exact(Table(*case.world), case.pi, case.gamma)


# %% policy_improvement, find_optimal_policy, value_iteration
Guess = namedtuple("Guess", "world V gamma")


@st.composite
def guesses(draw):
    world = draw(worlds())
    return Guess(world, draw(arrays((len(world[0]),), HALVES)), draw(gammas))


def improved(observed, expected, inputs):
    """Each action is one of those that promise most."""
    return unfit(observed, promises(inputs["case"].world, inputs["case"].gamma, inputs["case"].V))


def optimal(observed, expected, inputs):
    """The policy earns as much as any can."""
    return unfit(observed, optimal_promises(inputs["world"], inputs["gamma"]))


def optimal_with_values(observed, expected, inputs):
    """Values as they are expected, and a policy that earns as much as any can."""
    if len(observed) != 2 or not isinstance(observed[1], np.ndarray):
        return difference(observed, expected)
    return difference(observed[0], expected[0], rtol=1e-5, atol=1e-5) or optimal(observed[1], None, inputs)


def within_eps(observed, expected, inputs):
    """Values that are within eps of the optimal ones."""
    best = optimal_promises(inputs["world"], inputs["gamma"]).max(axis=1)
    if observed.shape != best.shape:
        return difference(observed, expected)
    far = int(np.abs(observed - best).argmax())
    if abs(observed[far] - best[far]) <= inputs["eps"] + 1e-6:
        return None
    return f"V[{far}] is {observed[far]:.4g}, and {best[far]:.4g} is optimal: farther apart than {inputs['eps']}"


def few(observed, expected, inputs):
    return None if observed <= 30 else f"policies were improved {observed} times, long after they had become the best"


_SUM = "(env.T * (env.R + gamma * V))"
policy_improvement = section.exercise(
    "policy_improvement",
    hints=[
        "For one state and one action: what is summed over next states? For all of them at once, which axes remain?",
        "Which axis of a table (state, action) has the actions, and which function tells where along it the largest "
        "number stands?",
    ],
    mistakes={
        "Takes the usual gamma, not the one it is given.": edit("gamma * V", "0.99 * V"),
        "Leaves the rewards out.": edit("env.R + gamma * V", "env.R * 0 + gamma * V"),
        "Looks at the next reward only: V is left out.": edit("env.R + gamma * V", "env.R"),
        "Takes the worst action.": edit("Q.argmax(axis=1)", "Q.argmin(axis=1)"),
        "Adds rewards without their probabilities.": edit(_SUM, "(env.R + gamma * env.T * V)"),
        "Returns what the best action promises, not its number.": edit("Q.argmax(axis=1)", "Q.max(axis=1)"),
    },
)


@policy_improvement.check(points=1.5, judge=improved, case=guesses())
def improvement_actions(solution, case):
    """Takes an action that promises most, in each state."""
    return solution.policy_improvement(Table(*case.world), case.V, case.gamma)


_EVALUATES = edit("policy_eval_exact(env, pi, gamma)", "policy_eval_exact(env, pi)")
find_optimal_policy = section.exercise(
    "find_optimal_policy",
    hints=[
        "You have written the two halves. What does each of them take, and what does the other give?",
        "When a policy is improved and comes out the same: can the next round change anything?",
    ],
    mistakes={
        "Evaluates without handing gamma on.": _EVALUATES,
        "Improves without handing gamma on.": edit("(env, V, gamma=gamma)", "(env, V)"),
        "Hands gamma on to neither of the two.": [_EVALUATES, edit("(env, V, gamma=gamma)", "(env, V)")],
        "Improves once, and takes that for the best.": edit("if (pi == old).all():", "if True:"),
        "Never improves.": edit("range(max_iterations)", "range(0)"),
        "Goes on until max_iterations, though nothing changes any more.": edit("if (pi == old).all():", "if False:"),
        "Returns the values as well.": edit("return pi", "return pi, V"),
    },
)


@find_optimal_policy.check(points=2, judge=optimal, world=worlds(), gamma=gammas)
def optimal_policy(solution, world, gamma):
    """Finds a policy that is worth as much as any, in every state."""
    return solution.find_optimal_policy(Table(*world), gamma, 100)


@find_optimal_policy.check(points=0.25, extra=True, judge=few, examples=10, world=worlds(), gamma=gammas)
def optimal_stops(solution, world, gamma):
    """Stops when an improvement changes nothing any more."""
    counting = Counting(solution.policy_improvement)
    with standing_in(solution, policy_improvement=counting):
        solution.find_optimal_policy(Table(*world), gamma, 100)
    return counting.calls


value_iteration = section.exercise(
    "value_iteration",
    hints=[
        "How does a sweep of policy_eval_numerical look if no policy says which action is taken?",
        "With γ = 0.9, a sweep has changed the values by at most 1. How much may all later ones change them in all?",
        "When the values stand still, which exercise turns them into a policy?",
    ],
    mistakes={
        "Averages over the actions; the best one counts.": edit(".max(axis=1)  #", ".mean(axis=1)  #"),
        "Stops when the last change is small, though many may follow.": edit(
            " * gamma <= eps * (1 - gamma)", " <= eps"
        ),
        "Makes a single sweep.": edit(f"if {_CHANGE} * gamma <= eps * (1 - gamma):", "if True:"),
        "Changes downward count as small: the absolute value is missing.": edit(_CHANGE, "(V - old).max()"),
        "Returns the policy alone, without the values.": edit("return V, policy", "return policy"),
        "The policy looks at the next reward only.": edit("gamma=gamma", "gamma=0.0"),
        "Adds rewards without their probabilities.": edit("env.T * (env.R + gamma", "(env.R + gamma * env.T"),
    },
)


@value_iteration.check(points=1.5, judge=optimal_with_values, examples=60, world=worlds(), gamma=gammas)
def iteration_result(solution, world, gamma):
    """Gives the values of the best policy, and an action in each state that earns them."""
    return tuple(solution.value_iteration(Table(*world), gamma, 1e-8))


@value_iteration.check(points=0.5, judge=within_eps, world=worlds(), gamma=gammas, eps=st.sampled_from((0.8, 0.4, 3.3)))
def iteration_stops(solution, world, gamma, eps):
    """Does not stop before all values are within eps of the optimal ones."""
    return solution.value_iteration(Table(*world), gamma, eps)[0]


# %% Cheater
Patience = namedtuple("Patience", "moves rewards plans gamma")


@st.composite
def patience(draw):
    """From state 0 one action pays at once, the other pays more, later: with gamma = 0.5 that is too late."""
    gamma, now = draw(st.sampled_from((0.5, 0.75))), draw(st.integers(2, 5))
    waits, *back = (draw(st.integers(0, 1)) for _ in range(3))  # the best actions, if one waits
    pays = ((now, 0, 1 - waits), (0, -1, back[0]), (2 * now - 1, 0, back[1]))  # of the better action, and the other
    rows = [[[better, other], [other, better]][best] for better, other, best in pays]
    moves = [[1, 2] if waits else [2, 1], [0, 0], [0, 0]]
    return Patience(moves, rows, {0.99: [waits, *back], gamma: [waits if gamma > 0.5 else 1 - waits, *back]}, gamma)


def follows(observed, expected, inputs):
    """The best action at each observation."""
    case = inputs["case"]
    return unfit(np.array(observed), optimal_promises((case.moves, case.rewards), case.gamma))


Cheater = section.exercise(
    "Cheater",
    hints=[
        "What does an agent know when it is made? Where in self.env is the decision process?",
        "An exercise of yours finds the best policy. What does it have to be told besides the decision process?",
        "The policy is an array with an action for each state. What is obs?",
    ],
    mistakes={
        "Plans with the usual gamma, not with its own.": edit(", self.gamma)", ")"),
        "Plans for the environment; the decision process is in its env.": edit("unwrapped.env", "unwrapped"),
        "Takes the first state's action everywhere.": edit("self.pi[obs]", "self.pi[0]"),
        "Does the opposite of its plan.": edit("int(self.pi[obs])", "int(1 - self.pi[obs])"),
    },
)


@Cheater.check(judge=follows, examples=30, case=patience())
def cheater_follows(solution, case):
    """Takes the best action in every state, for its own gamma."""
    env = gym.make("Mdp-v0", env=Table(case.moves, case.rewards))
    with standing_in(solution, find_optimal_policy=planner(case.plans)):
        agent = solution.Cheater(env, gamma=case.gamma)
        acts = [int(agent.get_action(obs)) for obs in range(3)]
    return acts


# %% EpsilonGreedy
def beliefs(shapes=shapes):
    return shapes.flatmap(lambda shape: arrays(shape, WHOLE, int)).map(np.ndarray.tolist)


def greedy(observed, expected, inputs):
    """An action with the highest value at each observation."""
    return unfit(np.array(observed), np.array(inputs["Q"]))


EpsilonGreedy = section.exercise(
    "EpsilonGreedy",
    hints=[
        "Which row of self.Q belongs to the observation, and what stands in its columns?",
        "It is the same coin as in RewardAveraging. How many sides has the die that is rolled when it explores?",
    ],
    mistakes={
        **mistakes_of_exploring("self.num_actions", "self.config.epsilon", "self.Q[obs]"),
        "Takes the usual epsilon, not that of its config.": edit("() < self.config.epsilon", "() < 0.1"),
        "Searches the whole table, not the row of obs.": edit("Q[obs].argmax()", "Q.argmax() % self.num_actions"),
        "Takes the worst action.": edit("self.Q[obs].argmax()", "self.Q[obs].argmin()"),
    },
)


@EpsilonGreedy.check(judge=greedy, Q=beliefs())
def epsilon_zero(solution, Q):  # noqa: N803
    """With epsilon = 0 takes an action with the highest value in the row of the observation."""
    agent = taught(solution.EpsilonGreedy, Q, epsilon=0.0)
    return [int(agent.get_action(obs)) for obs in range(len(Q))]


@EpsilonGreedy.check(
    judge=distributed_as(probabilities=explored), examples=5, size=st.integers(3, 5), best=of_three, epsilon=epsilons
)
def epsilon_explores(solution, size, best, epsilon):
    """With probability epsilon takes any action, all equally probable, the best one among them."""
    agent = taught(solution.EpsilonGreedy, np.eye(size)[[best]], epsilon=epsilon)
    return np.array([int(agent.get_action(0)) for _ in range(SAMPLES)])


@EpsilonGreedy.check(points=0.25, extra=True, judge=once_more, examples=2, size=st.integers(4, 6))
def epsilon_seeds(solution, size):
    """Agents with the same seed choose the same, those with other seeds do not: draw from self.rng."""
    agents = [taught(solution.EpsilonGreedy, np.zeros((2, size)), seed=seed, epsilon=1.0) for seed in (5, 5, 6)]
    return [[int(agent.get_action(0)) for _ in range(30)] for agent in agents]


# %% QLearning, SARSA
Step = namedtuple("Step", "Q obs act reward new_obs new_act lr gamma")


@st.composite
def steps(draw):
    """A step from one state to another."""
    Q = draw(beliefs(st.sampled_from(((3, 1), (3, 2), (4, 3)))))  # noqa: N806
    obs, new_obs = draw(st.permutations(range(len(Q))))[:2]
    act, new_act = (draw(st.integers(0, len(Q[0]) - 1)) for _ in range(2))
    return Step(Q, obs, act, draw(whole), new_obs, new_act, draw(rates), draw(gammas))


_UPDATE = "self.Q[exp.obs, exp.act] += self.config.lr * (target - self.Q[exp.obs, exp.act])"
_OLD, _BEST, _NEXT = "self.Q[exp.obs, exp.act]", "self.Q[exp.new_obs].max()", "self.Q[exp.new_obs, exp.new_act]"
_MISTAKES_OF_UPDATES = {
    "Does not discount.": edit("self.gamma * ", ""),
    "Takes the usual gamma, not its own.": edit("self.gamma *", "0.99 *"),
    "Takes the usual learning rate, not that of its config.": edit("self.config.lr *", "0.05 *"),
    "Puts the target in the place of the value: there is no learning rate.": edit("self.config.lr * ", ""),
    "Adds the target without subtracting the old value.": edit("(target - self.Q[exp.obs, exp.act])", "target"),
    "Moves away from the target.": edit("+= self.config.lr", "-= self.config.lr"),
    "Moves the next state's entry.": edit(_UPDATE, _UPDATE.replace("exp.obs", "exp.new_obs")),
    "Moves the whole row of the state.": edit(_UPDATE, _UPDATE.replace(", exp.act", "")),
    "Leaves the reward out.": edit("exp.reward + ", ""),
}
QLearning = section.exercise(
    "QLearning",
    hints=[
        "Which numbers does an Experience hold, and which entry of Q is the one to be moved?",
        "Work the example of the text out by hand: what is the target, and how far away is it?",
    ],
    mistakes={
        "Takes the next value of the same action, not the best.": edit(_BEST, "self.Q[exp.new_obs, exp.act]"),
        "Looks for the best action in the state it comes from.": edit(_BEST, "self.Q[exp.obs].max()"),
        "Takes the largest number of the whole table.": edit(_BEST, "self.Q.max()"),
        "Takes the number of the best action, not its value.": edit(_BEST, "self.Q[exp.new_obs].argmax()"),
        "Discounts the old value along with the next one.": edit(_BEST, f"({_BEST} - {_OLD}) + {_OLD}"),
        **_MISTAKES_OF_UPDATES,
        "Makes the update twice.": edit(_UPDATE, f"for _ in range(2):\n            {_UPDATE}"),
    },
)


@QLearning.check(points=2, case=steps())
def q_learning_update(solution, case):
    """Moves one entry of Q towards the reward and the discounted value of the best next action."""
    agent = taught(solution.QLearning, case.Q, case.gamma, lr=case.lr)
    return learned(agent, (case.obs, case.act, case.reward, case.new_obs))


Descent = namedtuple("Descent", "Q rewards gamma lr")


@st.composite
def descents(draw, actions=2, most=3):
    """Some stairs: Q is 0 at the foot, and no two actions of a step are equally good before."""
    count = draw(st.integers(2, most))
    rewards = draw(arrays((count, actions), WHOLE, int)).tolist()
    Q = draw(arrays((count, actions), WHOLE, int))  # noqa: N806
    if actions > 1:
        Q[:, 1] = Q[:, 0] + draw(arrays((count,), NONZERO, int))
    return Descent([*Q.tolist(), [0] * actions], rewards, draw(gammas), draw(rates))


def replayed(observed, expected, inputs):
    """Whatever was done: the rewards are those of the actions, and Q is what SARSA makes of them."""
    case, (acts, rewards, q) = inputs["case"], observed
    if len(acts) != len(case.rewards):
        return f"{len(acts)} actions were taken, and {len(case.rewards)} lead to the end"
    earned = [float(row[act]) for row, act in zip(case.rewards, acts, strict=True)]
    wanted = np.array(case.Q, dtype=float)
    for step, (act, next_act) in enumerate(itertools.pairwise([*acts, 0])):
        wanted[step, act] += case.lr * (earned[step] + case.gamma * wanted[step + 1, next_act] - wanted[step, act])
    words = difference(rewards, [earned]) and f"the rewards that are returned: {difference(rewards, [earned])}"
    return words or (difference(q, wanted) and f"after the actions {acts}, Q: {difference(q, wanted)}")


SARSA = section.exercise(
    "SARSA",
    hints=[
        "Where does Q-learning look for the best action? What does SARSA know that makes looking unnecessary?",
        "In a loop: when an action is chosen at the end of a round, who takes it, and when?",
        "How many times is get_action called in an episode of three steps? Once for the start, and then?",
    ],
    mistakes={
        "Takes the best next action: that is Q-learning.": edit(_NEXT, _BEST),
        "Takes the action of this step for the next one.": edit(_NEXT, "self.Q[exp.new_obs, exp.act]"),
        "Draws another next action than new_act.": edit(_NEXT, "self.Q[exp.new_obs, self.get_action(exp.new_obs)]"),
        **_MISTAKES_OF_UPDATES,
        "Takes another action than it has observed as the next one.": edit("step(act)", "step(self.get_action(obs))"),
        "The first action is taken at every step.": edit("act, done = new_obs, new", "_, done = new_obs, new"),
        "Never looks at anything but the start.": edit("obs, act, done = new_obs, new", "_, act, done = new_obs, new"),
        "Goes on after the episode was truncated.": edit("new_act, terminated or truncated", "new_act, terminated"),
        "Stops after the first step.": edit("new_act, terminated or truncated", "new_act, True"),
        "Never learns in an episode: observe is not called.": edit("            self.observe(", "            str("),
    },
)


@SARSA.check(points=1.5, case=steps())
def sarsa_update(solution, case):
    """Moves one entry of Q towards the reward and the discounted value of the next action that is taken."""
    agent = taught(solution.SARSA, case.Q, case.gamma, lr=case.lr, epsilon=1.0)
    return learned(agent, (case.obs, case.act, case.reward, case.new_obs, case.new_act))


@SARSA.check(points=0.75, examples=50, case=descents())
def sarsa_episode(solution, case):
    """Runs an episode: takes the actions that get_action chooses, learns from each step, and returns all rewards."""
    return episodes(solution.SARSA, stairs(case.rewards), case.Q, [0], gamma=case.gamma, lr=case.lr)[:3]


@SARSA.check(points=0.75, judge=replayed, examples=50, case=descents(most=4))
def sarsa_takes_what_it_observes(solution, case):
    """The next action that is observed is the one that is taken, also when it was drawn."""
    return episodes(solution.SARSA, stairs(case.rewards), case.Q, [0], gamma=case.gamma, lr=case.lr, epsilon=1.0)[:3]


@SARSA.check(points=0.25, extra=True, examples=10, seconds=3, count=st.integers(1, 4), seed=st.integers(0, 9))
def sarsa_truncated(solution, count, seed):
    """Resets the environment with the seed, and ends when the episode is truncated."""
    _, rewards, _, seeds = episodes(solution.SARSA, Table([[0]], [[1]]), [[0]], [seed], steps=count)
    return rewards, seeds


# %% SARSA_lambda
Walk = namedtuple("Walk", "Q steps trace_decay lr gamma")


@st.composite
def walks(draw, again=False):
    """Steps from entry to entry of Q; none is visited twice, or one is."""
    Q = draw(beliefs(st.sampled_from(((3, 1), (2, 2), (3, 2)))))  # noqa: N806
    way = draw(st.permutations(list(itertools.product(range(len(Q)), range(len(Q[0]))))))[:4]
    if again:
        way[2:] = [way[0], way[1]]
    steps = [(*here, draw(whole), *there) for here, there in itertools.pairwise(way)]
    return Walk(Q, steps, draw(st.sampled_from((0.5, 0.25, 0.75))), draw(rates), draw(gammas))


_DECAY = "        self.traces *= self.gamma * self.config.trace_decay\n"
_SPREAD = "        self.Q += self.config.lr * delta * self.traces\n"
_CLEARED = "self.traces = np.zeros((self.num_states, self.num_actions))"
_VISIT = "self.traces[exp.obs, exp.act] += 1"
SARSA_lambda = section.exercise(
    "SARSA_lambda",
    hints=[
        "The surprise of a step (δ) is one number. To which entries of Q is it told, and how strongly to each?",
        "After three steps to three entries, what are their traces? Which of the two factors, γ and λ, are in them?",
        "E and Q have the same shape. How do you say “all entries at once”?",
    ],
    mistakes={
        "Moves only the entry of this step: the traces are not used.": edit(
            _SPREAD, "        self.Q[exp.obs, exp.act] += self.config.lr * delta\n"
        ),
        "Traces fade by λ alone, without γ.": edit("self.gamma * self.config.trace_decay", "self.config.trace_decay"),
        "Traces fade by γ alone, without λ.": edit("self.gamma * self.config.trace_decay", "self.gamma"),
        "Traces never fade.": edit(_DECAY, ""),
        "The trace fades before it is used: this step's own entry gets less than a whole δ.": [
            edit(_DECAY, ""),
            edit(_SPREAD, _DECAY + _SPREAD),
        ],
        "A trace is set to 1 when its entry is visited again; 1 is added.": edit(_VISIT, _VISIT.replace("+=", "=")),
        "The whole row of the state is visited, not the one action.": edit(_VISIT, _VISIT.replace(", exp.act", "")),
        "Takes the best next action, as Q-learning does.": edit(_NEXT, _BEST),
        "Traces of the last episode live on.": edit(_CLEARED, f"vars(self).setdefault('traces', {_CLEARED[14:]})"),
        "Each entry has a surprise of its own.": edit(_SPREAD, _SPREAD.replace("delta", f"(delta + {_OLD} - self.Q)")),
    },
)


@SARSA_lambda.check(points=1.5, case=walks())
def lambda_updates(solution, case):
    """Tells the difference of each step to all entries of Q on the way, by their traces."""
    agent = taught(solution.SARSA_lambda, case.Q, case.gamma, lr=case.lr, trace_decay=case.trace_decay)
    return learned(agent, *case.steps)


@SARSA_lambda.check(points=0.5, examples=30, case=descents(actions=1), trace_decay=st.sampled_from((0.5, 0.25)))
def lambda_episodes(solution, case, trace_decay):
    """All traces are 0 again when the next episode begins."""
    options = {"gamma": case.gamma, "lr": case.lr, "trace_decay": trace_decay}
    return episodes(solution.SARSA_lambda, stairs(case.rewards), case.Q, [0, 1], **options)[2]


@SARSA_lambda.check(points=0.25, extra=True, case=walks(again=True))
def lambda_visits(solution, case):
    """An entry that is visited again gets 1 on top of what is left of its trace."""
    agent = taught(solution.SARSA_lambda, case.Q, case.gamma, lr=case.lr, trace_decay=case.trace_decay)
    return learned(agent, *case.steps)
