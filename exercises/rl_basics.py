"""Reinforcement learning from the beginning: bandits, planning, and learning from what one tries.

An agent acts, a world answers with a reward and a new state, and the agent wants as much reward as it can get. You
start where there is a single state and the question is which arm to pull. Then the world gets states, and you plan: who
knows all probabilities can compute the best policy. At last you know nothing and learn from trying: Q-learning, SARSA
and SARSA(λ). All of it fits into tables of numbers; the networks come in the next section.

Worlds are environments of gymnasium, or decision processes with the tensors T and R: see `exercises/given/mdps.py`.
What agents have in common lies in `exercises/given/agents.py`. Equations are those of Sutton and Barto (2018),
"Reinforcement Learning: An Introduction", second edition, from here on S&B.
"""

# %% Setup
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from jaxtyping import Float, Int

from exercises.given.agents import Agent, AgentConfig, BanditAgent, Experience, run_bandit
from exercises.given.mdps import DiscreteEnviroGym, Environment, corridor


# %% Rewards
def total_reward(rewards: Sequence[float]) -> float:
    """What an episode has earned in all, late rewards as good as early ones. This one is done for you.

    >>> total_reward([0.0, 1.0, 2.0])
    3.0
    """
    total = 0.0
    for reward in rewards:
        total += reward
    return total


def discounted_return(rewards: Sequence[float], gamma: float) -> float:
    """What an episode has earned, if a reward is worth less the later it comes.

        G = R_1 + γ R_2 + γ² R_3 + …

    The first reward counts in full. A γ near 1 makes agents patient, a γ of 0 lets them see the next reward only.

    Args:
        rewards: one number for each step, the first step first; a list or an array. Possibly there are none.
        gamma: γ, from 0 to 1, both included.

    Returns:
        G, a number; 0.0 for no rewards.

    >>> discounted_return([1.0, 2.0, 4.0], gamma=0.5)
    3.0

    Source: S&B, equation 3.8.
    """
    raise NotImplementedError("discounted_return")


# %% Bandits
# A bandit is a world without states: every pull of an arm pays a random reward, and each arm has its own mean. To find
# the best arm one has to pull the others too. That is exploring, and it costs; to pull what looks best is exploiting.
# run_bandit(env, agent, seed) lets an agent of yours play with a bandit.
class RandomAgent(BanditAgent):
    """Pulls any arm, whatever it pays. This one is done for you.

    >>> RandomAgent(num_arms=1, seed=0).get_action()
    0
    """

    def get_action(self) -> int:
        """Draws from self.rng, so that the seed decides what comes out and an experiment can be repeated."""
        return int(self.rng.integers(self.num_arms))


def softmax_policy(prefs: Float[np.ndarray, "actions"], tau: float) -> Float[np.ndarray, "actions"]:
    """Turn preferences into probabilities: the higher the preference, the more often the action is to be taken.

        π(a) = exp(prefs[a] / τ) / Σ_b exp(prefs[b] / τ)

    The temperature τ says how much chance there is. When it is hot all actions are nearly equally probable; when it is
    cold nearly everything goes to the best one. Only differences of preferences matter: use that to keep exp from
    overflowing, for preferences may be in the thousands, or tau tiny.

    Args:
        prefs: float64, shape (actions,).
        tau: τ, greater than 0.

    Returns:
        The probabilities, float64, shape (actions,).

    >>> softmax_policy(np.log([1.0, 3.0]), tau=1.0).tolist()
    [0.25, 0.75]

    Source: S&B, equation 2.11, with a temperature.
    """
    raise NotImplementedError("softmax_policy")


class MultiArmedBandit(gym.Env):
    """A bandit as an environment of gymnasium. Arm i pays a normally distributed reward with a mean of its own.

    Attributes:
        num_arms: the number of arms.
        stationary: whether the means stay as they are.
        arm_reward_means: the mean of each arm, float64, shape (num_arms,).
        best_arm: the arm with the largest mean.
        np_random: gymnasium's generator, which reset seeds. Whatever is left to chance is drawn from it.

    Source: S&B, section 2.3, "The 10-armed Testbed".
    """

    def __init__(self, num_arms: int = 10, stationary: bool = True) -> None:
        """Spaces: there is one observation, 0, and an action for each arm."""
        self.num_arms, self.stationary = num_arms, stationary
        self.observation_space = gym.spaces.Discrete(1)
        self.action_space = gym.spaces.Discrete(num_arms)
        self.reset()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict]:
        """New arms: their means are drawn from N(0, 1); those of a bandit that is not stationary start at 0."""
        super().reset(seed=seed)
        self.arm_reward_means = self.np_random.normal(0.0, 1.0, self.num_arms) * self.stationary
        self.best_arm = int(self.arm_reward_means.argmax())
        return 0, {}

    def step(self, arm: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Pull an arm.

        If the bandit is not stationary, first every mean takes a small step of its own, drawn from N(0, 0.01²), also
        those of the other arms, and best_arm is looked up anew. Then the reward is drawn from N(mean of the arm, 1).

        Args:
            arm: from 0 to num_arms - 1.

        Returns:
            What gymnasium asks of every step: the observation 0, the reward, terminated and truncated, both False as a
            bandit never ends, and the info {"best_arm": best_arm}.
        """
        raise NotImplementedError("MultiArmedBandit.step")


gym.register("MultiArmedBandit-v0", MultiArmedBandit, max_episode_steps=1000)


class CheatyMcCheater(BanditAgent):
    """Peeps: pulls the arm that the bandit's info has last called the best. No honest agent can do better.

    >>> agent = CheatyMcCheater(num_arms=10, seed=0)
    >>> agent.observe(action=3, reward=0.5, info={"best_arm": 7})
    >>> agent.get_action()
    7
    """

    best_arm = 0  # before the first observation any arm will do

    def get_action(self) -> int:
        """The arm it believes to be the best, from 0 to num_arms - 1."""
        raise NotImplementedError("CheatyMcCheater.get_action")

    def observe(self, action: int, reward: float, info: dict[str, Any]) -> None:
        """Look at info["best_arm"]. In a bandit that is not stationary it changes."""
        raise NotImplementedError("CheatyMcCheater.observe")


class RewardAveraging(BanditAgent):
    """Keeps the average reward of each arm, and mostly pulls the arm with the highest. Else it explores.

        N(a) ← N(a) + 1
        Q(a) ← Q(a) + (R - Q(a)) / N(a)

    which is the plain average of all rewards of the arm, without storing them. An arm that was never pulled has the
    value `optimism`, which its first reward replaces. If that is more than arms can pay, each disappoints when it is
    pulled, and so all of them get a try without any exploring.

    Source: S&B, equation 2.3 and sections 2.4 and 2.6.
    """

    def __init__(self, num_arms: int, seed: int, epsilon: float, optimism: float) -> None:
        """Keep the settings, then call super().__init__(num_arms, seed), which calls reset.

        Args:
            num_arms, seed: see BanditAgent.
            epsilon: the probability to explore, from 0 to 1.
            optimism: the value of an arm that was never pulled.
        """
        raise NotImplementedError("RewardAveraging.__init__")

    def get_action(self) -> int:
        """With probability epsilon any of the num_arms arms, all equally probable, the best one among them; otherwise
        an arm with the highest value, any of them if there are several. Draw from self.rng: agents with the same seed
        then choose the same.
        """
        raise NotImplementedError("RewardAveraging.get_action")

    def observe(self, action: int, reward: float, info: dict[str, Any]) -> None:
        """Take the reward into the arm's average. The info is not for honest agents."""
        raise NotImplementedError("RewardAveraging.observe")

    def reset(self, seed: int) -> None:
        """Forget all rewards: every arm has the value `optimism` again. super().reset(seed) seeds self.rng."""
        raise NotImplementedError("RewardAveraging.reset")


class UCBActionSelection(BanditAgent):
    """Pulls the arm that could well be the best: its average reward plus a bonus for how little is known of it.

        A_t = argmax_a  Q(a) + c sqrt(ln t / (N(a) + eps))

    N(a) is how often the arm was pulled, and t counts the pulls of all arms. The bonus of an arm shrinks when it is
    pulled and grows slowly while others are: so no arm is ever given up, and hopeless ones are tried less and less.
    Nothing is left to chance. Q(a) is the plain average of the arm's rewards, and 0 before the first.

    Whether t counts the pulls up to now or also the one to come is left open. With a tiny eps the bonus of an arm that
    was never pulled is huge: as soon as two pulls have been made, such arms come first.

    Source: S&B, equation 2.10; Auer, Cesa-Bianchi and Fischer (2002), "Finite-time Analysis of the Multiarmed Bandit
    Problem", algorithm UCB1.
    """

    def __init__(self, num_arms: int, seed: int, c: float, eps: float = 1e-6) -> None:
        """Keep the settings, then call super().__init__(num_arms, seed), which calls reset.

        Args:
            num_arms, seed: see BanditAgent.
            c: how much the bonus weighs; 0 or more. With 0 the best average decides alone.
            eps: keeps N(a) + eps from being zero. It stands under the root, beside N(a), and has nothing to do with the
                probability to explore.
        """
        raise NotImplementedError("UCBActionSelection.__init__")

    def get_action(self) -> int:
        """The arm of the formula; any of them if there are several."""
        raise NotImplementedError("UCBActionSelection.get_action")

    def observe(self, action: int, reward: float, info: dict[str, Any]) -> None:
        """Count the pull, and take the reward into the arm's average."""
        raise NotImplementedError("UCBActionSelection.observe")

    def reset(self, seed: int) -> None:
        """Forget all pulls and rewards. super().reset(seed) seeds self.rng."""
        raise NotImplementedError("UCBActionSelection.reset")


# %% Worlds
# A decision process is said by its dynamics: what may an action lead to, for which reward, how probably? From that
# `Environment` makes the tensors T and R. An outcome of probability zero may be listed or left out, and one that comes
# about in several ways may be listed several times.
class Coin(Environment):
    """Two states, 0 and 1, and one action, which tosses a coin: heads (1) earns 1. This one is done for you.

    >>> Coin().T[0, 0].tolist(), Coin().R[0, 0].tolist()
    ([0.5, 0.5], [0.0, 1.0])
    """

    def __init__(self) -> None:
        super().__init__(num_states=2, num_actions=1)

    def dynamics(self, state: int, action: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Both sides of the coin: states, rewards, probabilities."""
        return np.array([0, 1]), np.array([0.0, 1.0]), np.array([0.5, 0.5])


class Toy(Environment):
    """Three states in a row, left, middle and right, and two actions, 0 (left) and 1 (right). There is no chance in it.

    From the middle, left leads to the left state and earns 1; right leads to the right state and earns 0. From both of
    them every action leads back to the middle: that earns 0 in the left state and 2 in the right one. To go right is
    better for all who are patient enough to wait one step.

    The states are numbered from left to right here: 0 is left, 1 the middle, 2 right. (Until 2024 ARENA numbered them
    middle, left, right. That is accepted too.)
    """

    def __init__(self) -> None:
        super().__init__(num_states=3, num_actions=2, start=1)

    def dynamics(self, state: int, action: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What may come of an action: states, rewards and probabilities, an array each, as in Coin."""
        raise NotImplementedError("Toy.dynamics")


class Norvig(Environment):
    """A small maze on slippery ground. Its states are numbered row by row:

         0   1   2   3      3 is the goal: who enters it earns 1 and is done
         4   5   6   7      7 is a pit: who falls in earns -1 and is done; 5 is a wall
         8   9  10  11      8 is the start

    The actions are 0 up, 1 right, 2 down, 3 left. With probability 0.7 one goes where one wants, with probability 0.1
    each in one of the three other directions. Who runs into the wall or out of the maze stays in the same state. Every
    step earns `penalty`, a small negative number, but for steps into the goal or the pit, which earn 1 or -1 instead.

    In the goal and the pit every action leads to the same state and earns 0. The wall is never entered: what is said of
    it does not matter.

    Source: Russell and Norvig, "Artificial Intelligence: A Modern Approach", figure 17.1, on other ground.
    """

    def __init__(self, penalty: float = -0.04) -> None:
        self.height, self.width, self.penalty = 3, 4, penalty
        self.walls = np.array([5])
        self.goal_rewards = {3: 1.0, 7: -1.0}
        self.actions = np.array([[-1, 0], [0, 1], [1, 0], [0, -1]])  # (down, right), for each action
        super().__init__(num_states=12, num_actions=4, start=8, terminal=[3, 7])

    def dynamics(self, state: int, action: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What may come of an action: states, rewards and probabilities, an array each, as in Coin."""
        raise NotImplementedError("Norvig.dynamics")


class CliffWalking(Environment):
    """Four rows of twelve states, numbered row by row, with a cliff along the bottom:

         0   1   2  …  10  11
        12  13  14  …  22  23
        24  25  26  …  34  35      the ground
        36  37  38  …  46  47      36 is the start, 37 to 46 are the cliff, 47 is the goal

    The actions are 0 up, 1 right, 2 down, 3 left, and do what they say. Who would leave the field stays in the same
    state. Every step earns `penalty`, the one into the goal as well. Who steps off the cliff earns -100 instead and is
    back at the start; that is not the end. (To earn the usual penalty besides, -101 in all, is accepted too.)

    In the goal every action leads to the same state and earns 0. Nobody ever stands on the cliff: what is said of its
    states does not matter.

    Source: S&B, example 6.6; gymnasium has it as CliffWalking-v1.
    """

    def __init__(self, penalty: float = -1.0) -> None:
        self.height, self.width, self.penalty = 4, 12, penalty
        self.cliff = np.arange(37, 47)
        self.actions = np.array([[-1, 0], [0, 1], [1, 0], [0, -1]])  # (down, right), for each action
        super().__init__(num_states=48, num_actions=4, start=36, terminal=[47])

    def dynamics(self, state: int, action: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What may come of an action: states, rewards and probabilities, an array each, as in Coin."""
        raise NotImplementedError("CliffWalking.dynamics")


# %% Planning
# Who knows T and R can compute what a policy is worth, and find the best one, without a single step in the world. A
# policy is an array pi with an action for each state; V[s] is what one earns from state s on, discounted by gamma. At
# terminal states nothing is special: an action leads from there to the same state for nothing, so they are worth 0.
Policy, Values = Int[np.ndarray, "states"], Float[np.ndarray, "states"]
GAMMA, EPS, MAX_ITERATIONS = 0.99, 1e-8, 10_000  # the usual discount and accuracy, the most sweeps or rounds to make


def policy_eval_numerical(
    env: Environment, pi: Policy, gamma: float = GAMMA, eps: float = EPS, max_iterations: int = MAX_ITERATIONS
) -> Values:
    """Say what a policy is worth in each state, in sweeps: guess, and let every state learn from those that follow it.

        V(s) ← Σ_s' T[s, π(s), s'] (R[s, π(s), s'] + γ V(s'))

    Start with zeros and repeat until a sweep changes no state's value by eps or more. Whether a sweep computes all new
    values from the old ones or uses new ones at once (in place) is up to you, and so is whether you return the values
    before or after the last sweep: they differ by less than eps.

    Args:
        env: with env.T and env.R, shape (states, actions, states).
        pi: the action that is taken in each state, int, shape (states,).
        gamma: γ, at least 0 and less than 1.
        eps: see above.
        max_iterations: the most sweeps to make, even if values still change by eps or more.

    Returns:
        V, float64, shape (states,).

    >>> policy_eval_numerical(corridor(4), np.array([1, 1, 1, 1]), gamma=0.5).tolist()
    [0.25, 0.5, 1.0, 0.0]

    Source: S&B, equation 4.5 and section 4.1.
    """
    raise NotImplementedError("policy_eval_numerical")


def policy_eval_exact(env: Environment, pi: Policy, gamma: float = GAMMA) -> Values:
    """Say what a policy is worth in each state, by solving a system of linear equations.

    With P[s, s'] = T[s, π(s), s'] and the mean reward r(s) = Σ_s' P[s, s'] R[s, π(s), s'], the value is the V for which

        V = r + γ P V

    Bring both V to one side, and numpy solves the rest.

    Args:
        env, pi, gamma: as for policy_eval_numerical.

    Returns:
        V, float64, shape (states,).

    >>> policy_eval_exact(Coin(), np.array([0, 0]), gamma=0.5)  # 1/2 now, 1/4 at the next toss …
    array([1., 1.])

    Source: S&B, equation 4.4.
    """
    raise NotImplementedError("policy_eval_exact")


def policy_improvement(env: Environment, V: Values, gamma: float = GAMMA) -> Policy:
    """Take in every state the action that promises most, if V says what the states are worth.

        π(s) = argmax_a Σ_s' T[s, a, s'] (R[s, a, s'] + γ V(s'))

    Where several actions promise the same, any of them is right.

    Args:
        env: with env.T and env.R, shape (states, actions, states).
        V: float64, shape (states,). It need not be the value of any policy.
        gamma: γ, at least 0 and less than 1.

    Returns:
        The policy, an array of int, shape (states,).

    >>> policy_improvement(corridor(4), np.array([0.0, 0.0, 1.0, 0.0]), gamma=0.5)[:3]  # the last is the end
    array([0, 1, 1])

    Source: S&B, equation 4.9.
    """
    raise NotImplementedError("policy_improvement")


def find_optimal_policy(env: Environment, gamma: float = GAMMA, max_iterations: int = MAX_ITERATIONS) -> Policy:
    """Find a best policy by policy iteration: evaluate, improve, and again until nothing is left to improve.

    Each improvement is at least as good as the policy before, and one that does not change any more is optimal. A few
    rounds are usually enough.

    Args:
        env: with env.T and env.R, shape (states, actions, states).
        gamma: γ, at least 0 and less than 1. It holds for evaluating and for improving.
        max_iterations: the most rounds to make.

    Returns:
        The policy, an array of int, shape (states,). If several are optimal, any of them is right.

    >>> find_optimal_policy(corridor(4), gamma=0.9)[:3]
    array([1, 1, 1])

    Source: S&B, section 4.3.
    """
    raise NotImplementedError("find_optimal_policy")


def value_iteration(env: Environment, gamma: float = GAMMA, eps: float = EPS) -> tuple[Values, Policy]:
    """Find the value of the best policy without evaluating any: every sweep takes the best action at once.

        V(s) ← max_a Σ_s' T[s, a, s'] (R[s, a, s'] + γ V(s'))

    When to stop? A sweep brings V nearer to the optimal values V* by a factor of γ. So if the last sweep has changed no
    value by more than d, no value is farther than d γ / (1 - γ) from V*. Stop as soon as that is at most eps. A small
    change alone does not prove that one has arrived: with γ = 0.99 one may be 99 times as far away.

    Args:
        env: with env.T and env.R, shape (states, actions, states).
        gamma: γ, greater than 0 and less than 1.
        eps: how far V may be from V*, in any state.

    Returns:
        V: float64, shape (states,), within eps of V*.
        pi: in each state an action that promises most by V, an array of int, shape (states,).

    >>> V, pi = value_iteration(corridor(4), gamma=0.5)
    >>> V.tolist(), pi[:3].tolist()
    ([0.25, 0.5, 1.0, 0.0], [1, 1, 1])

    Source: S&B, equation 4.10; Puterman (1994), "Markov Decision Processes", theorem 6.3.1.
    """
    raise NotImplementedError("value_iteration")


# %% Learning
# Now T and R are out of sight, and an agent learns from its own steps. It keeps Q[s, a]: what it believes to earn from
# state s on if it begins with action a. Every step is one look at the truth, and moves one entry of Q a little (lr).
#
# An Experience does not say whether the episode has ended, so the updates look ahead from every new state, also from a
# terminal one. That is right as long as Q is 0 there: no action is ever taken in a terminal state, so its entries stay
# what they were at first. In worlds with terminal states, then, optimism should be 0 (or those rows of Q set to 0).
class Random(Agent):
    """Does anything, and learns nothing. This one is done for you.

    >>> len(Random(gym.make("Corridor-v0")).run_episode(seed=0)) >= 3
    True
    """

    def get_action(self, obs: int) -> int:
        """Draws from self.rng, which reset seeds."""
        return int(self.rng.integers(self.num_actions))


class Cheater(Agent):
    """Knows the decision process behind the environment, and follows its best policy. It shows what is possible.

    Behind the wrappers of gymnasium, self.env.unwrapped is our DiscreteEnviroGym, which keeps the decision process in
    its attribute `env`. You have written what finds the best policy for it. Which one that is depends on how patient
    one is: take this agent's self.gamma.

    >>> Cheater(gym.make("Corridor-v0")).run_episode(seed=0)
    [0.0, 0.0, 1.0]
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Take what Agent takes, by super().__init__(*args, **settings). Then find the policy, once."""
        raise NotImplementedError("Cheater.__init__")

    def get_action(self, obs: int) -> int:
        """The policy's action in the state obs."""
        raise NotImplementedError("Cheater.get_action")


class EpsilonGreedy(Agent):
    """What Q-learning and SARSA share: a table of values, and actions that are mostly the best ones by it.

    Attributes:
        Q: float64, shape (num_states, num_actions). It starts at config.optimism everywhere.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Take what Agent takes."""
        super().__init__(*args, **settings)
        self.Q = np.full((self.num_states, self.num_actions), float(self.config.optimism))

    def get_action(self, obs: int) -> int:
        """With probability self.config.epsilon any of the num_actions actions, all equally probable, the best one among
        them; otherwise one with the highest value in the state obs, any of them if there are several. Draw from
        self.rng: agents with the same seed then choose the same.

        Source: S&B, section 2.2.
        """
        raise NotImplementedError("EpsilonGreedy.get_action")


class QLearning(EpsilonGreedy):
    """Learns what the best policy is worth, whatever policy it follows while it learns: it is off-policy.

    Source: S&B, equation 6.8; Watkins and Dayan (1992), "Q-learning".
    """

    def observe(self, exp: Experience) -> None:
        """Move one entry of self.Q, that of the state and the action of the experience:

            Q(S, A) ← Q(S, A) + α (R + γ max_a Q(S', a) - Q(S, A))

        with α = self.config.lr and γ = self.gamma. S' is exp.new_obs; exp.new_act is None and not needed. A worked
        example: Q(S, A) = 1, α = 0.5, γ = 0.5, a reward of 3 and at best 4 in S' make Q(S, A) = 3.
        """
        raise NotImplementedError("QLearning.observe")


class SARSA(EpsilonGreedy):
    """Learns what its own policy is worth, its exploring included: it is on-policy. Near a cliff that makes it careful.

    Its name is what it learns from: state, action, reward, next state, next action.

    Source: S&B, equation 6.7 and section 6.4.
    """

    def observe(self, exp: Experience) -> None:
        """Move one entry of self.Q, that of the state and the action of the experience:

            Q(S, A) ← Q(S, A) + α (R + γ Q(S', A') - Q(S, A))

        with α = self.config.lr and γ = self.gamma. A' is exp.new_act, the action that is really going to be taken.
        """
        raise NotImplementedError("SARSA.observe")

    def run_episode(self, seed: int) -> list[float]:
        """Act and learn until the episode ends. Agent.run_episode will not do: it leaves new_act out.

        Reset the environment with the seed, and the agent by self.reset(seed). Choose an action, with self.get_action.
        Then at each step: take the action, choose the next one, call self.observe with an Experience of all five, and
        go on with the action that was chosen. The episode ends when it is terminated or truncated; after its last step
        a next action is chosen, and observed, all the same.

        Returns:
            The rewards, one a step.
        """
        raise NotImplementedError("SARSA.run_episode")


class SARSA_lambda(SARSA):
    """SARSA with a memory: what a step teaches is also told to the entries of Q that led to it, the older the less.

    Every entry of Q has a trace, E(s, a), which says how recently it was visited. With λ = 0 this is SARSA; with λ = 1
    a reward reaches back to the beginning. λ is self.config.trace_decay.

    Source: S&B, section 12.7; the tabular form stands in the first edition, figure 7.11.
    """

    def observe(self, exp: Experience) -> None:
        """Learn from a step, in all entries of self.Q at once:

            δ = R + γ Q(S', A') - Q(S, A)
            E(S, A) ← E(S, A) + 1                           the trace of this entry alone
            Q(s, a) ← Q(s, a) + α δ E(s, a)                 for all s, a
            E(s, a) ← γ λ E(s, a)                           for all s, a

        with α = self.config.lr and γ = self.gamma. Traces accumulate: an entry that is visited again before its trace
        has faded gets 1 on top.
        """
        raise NotImplementedError("SARSA_lambda.observe")

    def reset(self, seed: int) -> None:
        """An episode begins, and all traces are 0. What was learned stays. super().reset(seed) seeds self.rng.

        It is called by Agent.__init__, when num_states and num_actions are known, and by run_episode.
        """
        raise NotImplementedError("SARSA_lambda.reset")
