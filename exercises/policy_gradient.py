"""Policy gradients: from one formula to an actor with a critic.

A policy is a network that says how probable each action is. Nobody can differentiate the world, which hands out the
rewards, but the probabilities can be differentiated, and that is enough. You start with a single decision, where the
gradient and its variance can be seen with the naked eye. Then come REINFORCE for whole episodes, the agent that
collects them, and at last a critic, which learns what to expect and so tells luck from merit.

Words that are often mixed up. An **objective** is to be made large, a **loss** small: each text says which of them it
means. An episode is **terminated** when the world says that it is over, so that nothing is left to be earned; it is
**truncated** when only the patience is over, such as after 500 steps, and there would have been more. `done` stands
for either. Equations are those of Sutton and Barto (2018), "Reinforcement Learning: An Introduction", second edition,
from here on S&B.
"""

# %% Setup
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import gymnasium as gym
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.distributions import Categorical


# %% The score function
# One decision: an action is drawn from π = softmax(logits), and pays f(a). We want the gradient of the mean payoff by
# the logits. With ∇π = π ∇ ln π it is a mean itself, which can be estimated from what was drawn, without knowing f:
#
#     ∇ Σ_a π(a) f(a)  =  Σ_a π(a) f(a) ∇ ln π(a)  =  E[ f(a) ∇ ln π(a) ]
#
# ∇ ln π(a) is called the score. Its own mean is zero.
def expected_payoff(logits: Float[Tensor, " actions"], payoffs: Float[Tensor, " actions"]) -> Float[Tensor, ""]:
    """What a decision pays on average: Σ_a π(a) f(a) with π = softmax(logits). This one is done for you.

    >>> expected_payoff(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(2.)
    """
    return (logits.softmax(dim=0) * payoffs).sum()


def score_function(
    logits: Float[Tensor, " actions"], actions: Int[Tensor, " samples"]
) -> Float[Tensor, "samples actions"]:
    """The gradient of ln π(a) by the logits, for each of some actions, where π = softmax(logits).

        score[i, b] = ∂ ln π(actions[i]) / ∂ logits[b]

    It says in which direction to move the logits to make the action more probable. Work it out on paper, once for the
    logit of the action itself and once for another; or let torch do it, action by action. What you find makes sense:
    an action that was sure anyway has a score near zero.

    Args:
        logits: shape (actions,), of any size: some may be in the thousands.
        actions: int64, shape (samples,), each from 0 to actions - 1.

    Returns:
        The scores, shape (samples, actions), a row for each action.

    >>> score_function(torch.zeros(2), torch.tensor([0, 1, 1])).tolist()
    [[0.5, -0.5], [-0.5, 0.5], [-0.5, 0.5]]

    Source: S&B, equation 13.9 and exercise 13.3.
    """
    raise NotImplementedError("score_function")


def score_function_estimator(
    logits: Float[Tensor, " actions"],
    payoffs: Float[Tensor, " actions"],
    num_samples: int,
    baseline: float = 0.0,
) -> Float[Tensor, "samples actions"]:
    """Estimate the gradient of expected_payoff by trying: draw actions, and return the estimate that each gives alone.

        a_i ~ π = softmax(logits)        estimate[i] = (payoffs[a_i] - b) ∇ ln π(a_i)

    The mean of the estimates is the gradient, whatever the baseline b is, because the score's mean is zero. But their
    variance depends on b very much. See it for yourself, once you have it:

        logits, payoffs = torch.zeros(2), torch.tensor([10.0, 11.0])
        for baseline in (0.0, 10.5):
            estimates = score_function_estimator(logits, payoffs, 10_000, baseline)
            print(estimates.mean(dim=0), estimates.var(dim=0))

    Both means are close to (-0.25, 0.25). The variances are about 27.6 and 0: with the right baseline every single try
    says the right thing, without one a try that paid 10 is praised for it, though 10 is less than usual.

    Args:
        logits: shape (actions,).
        payoffs: f, shape (actions,): what each action pays.
        num_samples: how many actions to draw, independently of each other, and anew at each call.
        baseline: b, what is subtracted from each payoff.

    Returns:
        The estimates, shape (num_samples, actions), one in each row; not yet averaged.

    Source: Williams (1992), "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
    Learning", theorem 1.
    """
    raise NotImplementedError("score_function_estimator")


def optimal_baseline(scores: Float[Tensor, "samples params"], rewards: Float[Tensor, " samples"]) -> Float[Tensor, ""]:
    """The baseline with which the estimates (reward - b) · score have the least variance, all parameters together.

        b* = E[ |∇ ln π|² f ] / E[ |∇ ln π|² ]

    A mean of the rewards, in which those count more whose score is long: there a wrong baseline hurts most. |·|² is the
    sum of the squares of a row, and the means over all possible actions become means over the samples. The plain mean
    of the rewards is close to it, and what is mostly taken.

    Args:
        scores: ∇ ln π of each sample, shape (samples, params); not all of them are zero.
        rewards: f of each sample, shape (samples,).

    Returns:
        b*, a tensor without axes.

    >>> optimal_baseline(torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([0.0, 3.0]))
    tensor(2.)

    Source: Greensmith, Bartlett and Baxter (2004), "Variance Reduction Techniques for Gradient Estimates in
    Reinforcement Learning", section 4; Weaver and Tao (2001), "The Optimal Reward Baseline for Gradient-Based
    Reinforcement Learning".
    """
    raise NotImplementedError("optimal_baseline")


# %% Policy
class PolicyNetwork(nn.Module):
    """Maps what is seen to a logit for each action: linear layers with ReLU between them.

    Logits may have any sign and size. softmax makes probabilities of them, and that is left to who uses them:
    Categorical(logits=…) takes them as they are.
    """

    def __init__(self, obs_shape: tuple[int, ...], num_actions: int, hidden_sizes: Sequence[int] = (120, 84)) -> None:
        """Make the layers, from what is seen to the logits, each with a bias.

        Args:
            obs_shape: of one observation, a tuple such as (4,). One with several axes is flattened, row by row.
            num_actions: the number of logits.
            hidden_sizes: the widths of the hidden layers, one or more; 120 and 84 unless they are given.

        >>> [tuple(weight.shape) for weight in PolicyNetwork((4,), num_actions=2, hidden_sizes=[5]).parameters()]
        [(5, 4), (5,), (2, 5), (2,)]
        """
        raise NotImplementedError("PolicyNetwork.__init__")

    def forward(self, obs: Float[Tensor, "..."]) -> Float[Tensor, "... num_actions"]:
        """The logits. Any number of axes may stand before those of an observation, such as (env, time), or none."""
        raise NotImplementedError("PolicyNetwork.forward")


# %% Returns
# What was collected in `num_envs` environments, played side by side for `max_steps` steps, has the axes (env, time). An
# episode that ends is followed by the next one at once: a row holds several of them, one after the other.
def compute_returns(
    rewards: Float[Tensor, "env time"], done: Bool[Tensor, "env time"], gamma: float = 0.9
) -> Float[Tensor, "env time"]:
    """What was earned from each step on until the end of its episode, discounted.

        G_t = r_t + γ r_(t+1) + γ² r_(t+2) + …

    up to and including the first step k ≥ t with done[k], or else the last step there is. Rewards of the next episode
    do not count. Each row is for itself.

    Both kinds of end are `done`. For a truncated episode, and for one that goes on when the rows end, what would have
    come is missing from the sum; here that is accepted, in compute_bootstrapped_returns it is not.

    Args:
        rewards: r, what each step has earned; float, shape (env, time).
        done: whether the episode has ended with this step, terminated or truncated; bool, shape (env, time). The reward
            of that step still belongs to the episode.
        gamma: γ, from 0 to 1, both included; 0.9 unless it is given.

    Returns:
        G, shape (env, time), in the dtype of the rewards.

    >>> compute_returns(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[False, True, False]]), gamma=0.5)
    tensor([[2., 2., 4.]])

    Source: S&B, equations 3.8 and 3.9.
    """
    raise NotImplementedError("compute_returns")


def normalize_returns(returns: Float[Tensor, "env time"]) -> Float[Tensor, "env time"]:
    """Subtract the mean of all returns, and divide by their standard deviation.

        (G - mean) / std

    The mean is a baseline: without it, and if all rewards are positive, every action that was taken is made more
    probable, the bad ones too. The division makes the size of a step independent of the size of the rewards.

    Mean and standard deviation are over all numbers, or per step over the environments: both are accepted (the baseline
    may depend on the step, as its score is drawn later). Not over the steps of one environment: that would take away
    how well it went there. To divide by n or by n - 1 in the standard deviation is the same to us.

    If all returns are equal there is nothing to learn from them: return zeros, not NaN. A tiny number such as 1e-8
    beside the standard deviation is the usual way.

    Args:
        returns: G, shape (env, time).

    Returns:
        A new tensor, shape (env, time).

    >>> normalize_returns(torch.tensor([[1.0, 3.0], [3.0, 1.0]])).round(decimals=4)
    tensor([[-0.8660,  0.8660],
            [ 0.8660, -0.8660]])
    """
    raise NotImplementedError("normalize_returns")


# %% Objective
# tau, the letter τ, is a trajectory: what was collected. It has tau.obs, (env, time, *obs_shape), tau.actions, (env,
# time), tau.logprobs, tau.rewards and tau.dones, (env, time) each. See Rollout, below.
def compute_logprobs_and_entropy(
    tau: Any, pi: nn.Module
) -> tuple[Float[Tensor, "env time"], Float[Tensor, "env time"]]:
    """How probable the actions that were taken are for a policy, and how undecided it was at each step.

        logprobs_taken[e, t] = ln π(a_t | o_t)
        entropy[e, t] = - Σ_a π(a | o_t) ln π(a | o_t)

    The sum is over all actions that could have been taken, at each step. It is 0 if one of them is sure, and largest,
    ln(number of actions), if all are equally probable. (Until 2026 ARENA added up p ln p of the taken actions instead.
    That is no entropy, but it keeps its points; an extra check asks for the real one.)

    Both keep their gradient by the parameters of pi: they are what will be differentiated.

    Args:
        tau: tau.obs, shape (env, time, *obs_shape), and tau.actions, int64, shape (env, time), are used.
        pi: the policy. It maps observations to logits, shape (env, time, num_actions), of any size: if a probability is
            too small to be a number, its logarithm may still be one, and the entropy is no NaN.

    Returns:
        logprobs_taken and entropy, shape (env, time) each. The mean of the entropy instead of it is accepted.

    >>> from types import SimpleNamespace
    >>> tau = SimpleNamespace(obs=torch.tensor([[[0.0, 0.0], [0.0, 1.0986]]]), actions=torch.tensor([[0, 1]]))
    >>> compute_logprobs_and_entropy(tau, nn.Identity())  # its logits are what it sees: π is (½, ½), then (¼, ¾)
    (tensor([[-0.6931, -0.2877]]), tensor([[0.6931, 0.5623]]))
    """
    raise NotImplementedError("compute_logprobs_and_entropy")


def compute_importance_weights(
    logprobs_taken: Float[Tensor, "env time"], tau: Any, clip_coef: float | None = None
) -> Float[Tensor, "env time"]:
    """How much more probable the taken actions are for the policy of now than for the one that has taken them.

        iw = π_now(a_t | o_t) / π_then(a_t | o_t)

    After a step of gradient ascent the policy is no longer the one that has collected tau. A mean over what π_then has
    drawn becomes the mean for π_now if each summand is multiplied by this weight. Weights can be huge where π_then was
    small; so they are clipped to lie between 1 - c and 1 + c, both included.

    Args:
        logprobs_taken: ln π_now(a_t | o_t), shape (env, time).
        tau: tau.logprobs, shape (env, time), has ln π_then(a_t | o_t).
        clip_coef: c, from 0 to 1. With None, or 0, nothing is clipped.

    Returns:
        iw, shape (env, time): numbers, no gradient goes through them.

    >>> from types import SimpleNamespace
    >>> tau = SimpleNamespace(logprobs=torch.tensor([[0.25, 0.5]]).log())
    >>> compute_importance_weights(torch.tensor([[0.5, 0.5]]).log(), tau, clip_coef=0.25)
    tensor([[1.2500, 1.0000]])

    Source: S&B, section 5.5; Schulman et al. (2017), "Proximal Policy Optimization Algorithms", section 3.
    """
    raise NotImplementedError("compute_importance_weights")


def compute_reinforce_loss(
    returns: Float[Tensor, "env time"], logprobs_taken: Float[Tensor, "env time"], iw: Float[Tensor, "env time"]
) -> Float[Tensor, ""]:
    """REINFORCE's objective, which is to be maximised: its gradient is the estimate of the policy gradient.

        J = mean over env and time of  iw · G · ln π(a_t | o_t)

    The larger the return, the more its action is to be made probable; a negative return makes it less so. In spite of
    its name it is an objective: there is no minus in it, and gradient *ascent* follows. Its value says little; it is
    made for its gradient. So iw and G are numbers, even if they come with a graph: the gradient goes through ln π only.

    The sum over time of each environment, averaged over the environments, is accepted too: it is `time` times as large.

    Args:
        returns: G, or what stands for it: normalised returns, advantages; shape (env, time).
        logprobs_taken: ln π(a_t | o_t), shape (env, time), with its graph.
        iw: importance weights, shape (env, time). All are 1 if the policy is the one that has collected the actions.

    Returns:
        J, a tensor without axes.

    >>> compute_reinforce_loss(torch.tensor([[1.0, -2.0]]), torch.tensor([[-1.0, -3.0]]), torch.ones(1, 2))
    tensor(2.5000)

    Source: S&B, equation 13.8; Williams (1992), section 5.
    """
    raise NotImplementedError("compute_reinforce_loss")


# %% Agent
class Rollout:
    """What was collected: tensors with the axes (env, time), filled step by step.

    Attributes:
        obs: what was seen before each action; float32, shape (num_envs, max_steps, *obs_shape).
        actions: what was done; int64, shape (num_envs, max_steps, *action_shape).
        logprobs: the logarithm of the action's probability when it was drawn; float32, shape (num_envs, max_steps).
        rewards: what the action has earned; float32, shape (num_envs, max_steps).
        dones: whether the episode ended with it, terminated or truncated; bool, shape (num_envs, max_steps).

    >>> rollout = Rollout(num_envs=2, max_steps=3, obs_shape=(4,))
    >>> rollout.add_step(torch.zeros(2, 4), [1, 0], [-0.5, -0.75], [1.0, 2.0], [False, True])
    >>> rollout.rewards
    tensor([[1., 0., 0.],
            [2., 0., 0.]])
    """

    def __init__(
        self,
        num_envs: int,
        max_steps: int,
        obs_shape: tuple[int, ...],
        action_shape: tuple[int, ...] = (),
        device: str = "cpu",
    ) -> None:
        """Make the tensors, of zeros and on the device, and note that no step has been added.

        Args:
            num_envs: how many environments are played side by side.
            max_steps: how many steps there will be.
            obs_shape, action_shape: of one observation and of one action; () if it is a number.
            device: where the tensors are.
        """
        raise NotImplementedError("Rollout.__init__")

    def add_step(self, obs: Any, actions: Any, logprobs: Any, rewards: Any, dones: Any, infos: Any = None) -> None:
        """Write down the next step of all environments.

        Everything is copied: who calls this may change what they have handed over. logprobs may come with a graph;
        only the numbers are kept.

        Args:
            obs: (num_envs, *obs_shape), a tensor or an array, as all of these.
            actions: (num_envs, *action_shape).
            logprobs, rewards, dones: (num_envs,) each.
            infos: what the environments said besides. It is not kept.
        """
        raise NotImplementedError("Rollout.add_step")


class VPGAgent:
    """Acts in several environments side by side, as its policy says, and writes down what happens."""

    def __init__(self, envs: gym.vector.VectorEnv, pi: nn.Module, max_steps: int) -> None:
        """Keep what is given.

        Args:
            envs: a vector environment. Where an episode ends, step returns the first observation of the next one.
            pi: the policy: maps observations, (env, *obs_shape), to logits, (env, num_actions).
            max_steps: the steps of a rollout.
        """
        self.envs, self.pi, self.max_steps = envs, pi, max_steps

    def get_actions(self, obs: Any) -> tuple[Int[Tensor, " env"], Float[Tensor, " env"]]:
        """Draw an action for each observation, from softmax of the logits that self.pi gives it.

            actions[e] ~ π(· | o_e)        logprobs[e] = ln π(actions[e] | o_e)

        Every environment's action is drawn for itself, and anew at each call.

        Args:
            obs: float32, shape (env, *obs_shape), a tensor or a numpy array.

        Returns:
            The actions, int64, and the logarithms of their probabilities, shape (env,) each. Nobody differentiates what
            is only collected: neither has a graph.

        >>> agent = VPGAgent(None, nn.Identity(), max_steps=1)  # its logits are what it sees, and so it is sure here:
        >>> agent.get_actions(torch.tensor([[0.0, 90.0], [90.0, 0.0]]))
        (tensor([1, 0]), tensor([0., 0.]))
        """
        raise NotImplementedError("VPGAgent.get_actions")

    def gen_rollout(self) -> Rollout:
        """Reset the environments, act in them for max_steps steps, and return the Rollout of it.

        Each step holds what belongs together: an observation, the action that was taken because of it and its
        log-probability, what it earned, and whether the episode was over with it, terminated or truncated. After an
        end it goes on with the next episode. Give actions to the environments as a numpy array.
        """
        raise NotImplementedError("VPGAgent.gen_rollout")


# %% Training
@dataclass(frozen=True)
class VPGArgs:
    """Settings of a VPGTrainer."""

    max_steps: int = 200  # of a rollout, in each environment
    gamma: float = 0.99
    lr: float = 0.01
    updates_per_rollout: int = 2  # steps of gradient ascent; from the second on importance weights are not 1
    clip_coef: float | None = 0.2  # of importance weights; None: they are not clipped
    ent_coef: float = 0.01  # how much a step of the policy weighs that keeps it undecided


class VPGTrainer:
    """Vanilla policy gradient: collect with the policy, improve it, and again. What it does is in training_step."""

    def __init__(self, args: VPGArgs, envs: gym.vector.VectorEnv, pi: nn.Module) -> None:
        """Make an agent and an optimizer that *maximises*."""
        self.args, self.envs, self.pi = args, envs, pi
        self.agent = VPGAgent(envs, pi, args.max_steps)
        self.optimizer = torch.optim.Adam(pi.parameters(), lr=args.lr, maximize=True)

    def compute_loss(self, tau: Any) -> Float[Tensor, ""]:
        """The objective for what was collected, to be maximised: REINFORCE's, and the policy's entropy.

            compute_reinforce_loss(…) + ent_coef · mean entropy

        Put your parts together. The returns are computed from tau.rewards and tau.dones with self.args.gamma, and
        normalised. Log-probabilities and entropy are those of self.pi, as it is now, the importance weights are clipped
        by self.args.clip_coef. The entropy is added, since a policy that is sure too early never tries anything else.

        To see whether yours is right: for a policy with logits of 0 that has collected tau itself, all weights are 1
        and ln π is the same everywhere. As normalised returns are 0 on average, ent_coef · ln(number of actions) is
        left. The gradient is not 0 even then.

        Args:
            tau: a Rollout.

        Returns:
            The objective, a tensor without axes. Its gradient goes through the log-probabilities and the entropy to the
            parameters of self.pi, and not through the importance weights.
        """
        raise NotImplementedError("VPGTrainer.compute_loss")

    def training_step(self) -> Rollout:
        """Collect a rollout, and climb along the gradient of the objective. Returns the rollout."""
        tau = self.agent.gen_rollout()
        for _ in range(self.args.updates_per_rollout):
            self.optimizer.zero_grad()
            self.compute_loss(tau).backward()
            self.optimizer.step()
        return tau


# %% Critic
# A return of 10 is good news where 5 was to be expected, and bad news where it was 20. A critic learns what is to be
# expected: V(o), the mean return from an observation on. It is the baseline that depends on what is seen, and it can
# stand for the part of an episode that was not played.
class ValueNetwork(nn.Module):
    """Maps what is seen to one number, what is to be expected from there: linear layers with ReLU between them.

    It has the form of a PolicyNetwork. Its output is a number of any sign for each observation, without an axis of size
    one at the end: (batch, 1) and (batch,) broadcast to (batch, batch), and nobody complains.

    >>> ValueNetwork((4,))(torch.zeros(3, 5, 4)).shape
    torch.Size([3, 5])
    """

    def __init__(self, obs_shape: tuple[int, ...], hidden_sizes: Sequence[int] = (120, 84)) -> None:
        """Make the layers, each with a bias.

        Args:
            obs_shape: of one observation, a tuple such as (4,). One with several axes is flattened, row by row.
            hidden_sizes: the widths of the hidden layers, one or more; 120 and 84 unless they are given.
        """
        raise NotImplementedError("ValueNetwork.__init__")

    def forward(self, obs: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The values. Any number of axes may stand before those of an observation, also of size one."""
        raise NotImplementedError("ValueNetwork.forward")


def compute_baseline_advantages(
    returns: Float[Tensor, "env time"], values: Float[Tensor, "env time"]
) -> Float[Tensor, "env time"]:
    """How much better it went than the critic has expected: A = G - V(o_t).

    It takes the place of the return in REINFORCE's objective. There it is a number: the policy's gradient must not move
    the critic, which has a loss of its own. So the result has no graph, even though values has one.

    Args:
        returns: G, shape (env, time).
        values: V(o_t), shape (env, time), with the critic's graph.

    Returns:
        A, shape (env, time), without a graph.

    >>> compute_baseline_advantages(torch.tensor([[10.0, 10.0]]), torch.tensor([[5.0, 20.0]]))
    tensor([[  5., -10.]])

    Source: S&B, section 13.4, "REINFORCE with Baseline".
    """
    raise NotImplementedError("compute_baseline_advantages")


def compute_td_advantages(
    rewards: Float[Tensor, "env time"],
    values: Float[Tensor, "env time"],
    next_values: Float[Tensor, "env time"],
    terminated: Bool[Tensor, "env time"],
    gamma: float,
) -> Float[Tensor, "env time"]:
    """How much better one step went than the critic has expected, by what it expects after it.

        A_t = r_t + γ V(o_(t+1)) - V(o_t)        or  r_t - V(o_t)  if the episode was terminated with step t

    After the end of the world nothing is to be earned, whatever the critic says of its last observation. Truncated is
    not terminated: there would have been more, and V(o_(t+1)) says how much. It only looks one step ahead, so there is
    little chance in it, but as long as the critic is wrong so is A: bias for variance.

    Args:
        rewards: r_t, shape (env, time).
        values, next_values: V(o_t) and V(o_(t+1)), shape (env, time) each, possibly with the critic's graph. Where the
            episode has ended, o_(t+1) is its own last observation, not the first of the next one.
        terminated: whether the episode was terminated with step t; bool, shape (env, time).
        gamma: γ, from 0 to 1.

    Returns:
        A, shape (env, time): numbers for the policy's objective, without a graph.

    >>> one, two = torch.tensor([[1.0, 1.0]]), torch.tensor([[2.0, 2.0]])
    >>> compute_td_advantages(one, two, torch.tensor([[8.0, 8.0]]), torch.tensor([[False, True]]), gamma=0.5)
    tensor([[ 3., -1.]])

    Source: S&B, equation 6.5 and section 13.5.
    """
    raise NotImplementedError("compute_td_advantages")


def compute_bootstrapped_returns(
    rewards: Float[Tensor, "env time"],
    terminated: Bool[Tensor, "env time"],
    truncated: Bool[Tensor, "env time"],
    next_values: Float[Tensor, "env time"],
    gamma: float,
) -> Float[Tensor, "env time"]:
    """Returns in which the critic stands for what was not played.

        G_t = r_t                        if the episode was terminated with step t: nothing is left
        G_t = r_t + γ V(o_(t+1))         if it was truncated, or t is the last step there is
        G_t = r_t + γ G_(t+1)            otherwise

    compute_returns cuts in all of these cases. That punishes what is done shortly before a cut for no fault of its own:
    a pole that still stands after 500 steps looks as if it had fallen. A step that is terminated *and* truncated is
    terminated.

    Args:
        rewards: r_t, shape (env, time).
        terminated, truncated: how the episode ended with step t, if it did; bool, shape (env, time) each.
        next_values: V(o_(t+1)), shape (env, time), possibly with the critic's graph. Where the episode has ended,
            o_(t+1) is its own last observation, not the first of the next one.
        gamma: γ, from 0 to 1.

    Returns:
        G, shape (env, time): targets, without a graph.

    >>> rewards, no = torch.tensor([[1.0, 1.0, 1.0]]), torch.tensor([[False, False, False]])
    >>> compute_bootstrapped_returns(rewards, no, no, torch.tensor([[7.0, 7.0, 8.0]]), gamma=0.5)
    tensor([[2.7500, 3.5000, 5.0000]])
    >>> compute_bootstrapped_returns(rewards, no, torch.tensor([[True, False, False]]), 8 * rewards, gamma=0.5)
    tensor([[5.0000, 3.5000, 5.0000]])

    Source: Mnih et al. (2016), "Asynchronous Methods for Deep Reinforcement Learning", algorithm S3; Pardo et al.
    (2018), "Time Limits in Reinforcement Learning", section 3.
    """
    raise NotImplementedError("compute_bootstrapped_returns")


def compute_actor_critic_loss(
    logits: Float[Tensor, "batch actions"],
    actions: Int[Tensor, " batch"],
    rewards: Float[Tensor, " batch"],
    terminated: Bool[Tensor, " batch"],
    values: Float[Tensor, " batch"],
    next_values: Float[Tensor, " batch"],
    gamma: float = 0.99,
    vf_coef: float = 0.5,
    ent_coef: float = 0.01,
) -> Float[Tensor, ""]:
    """The loss of a one-step actor-critic, which is to be minimised: actor, critic and entropy in one number.

        target = r + γ V(o'), or r if terminated          A = target - V(o)

        loss = - mean(A · ln π(a | o))  +  vf_coef · mean((target - V(o))²)  -  ent_coef · mean(entropy of π(· | o))

    It is a loss: what is to grow stands with a minus. Three gradients have to be kept apart. The first term moves the
    actor: A is a number in it. The second moves the critic towards the target, and the target stays where it is,
    though the critic has computed it as well (a semi-gradient). The third keeps the actor undecided. There is no ½ in
    the second term, and the entropy is that of the whole distribution, not of the taken action.

    Args:
        logits: of the policy at o, shape (batch, actions), with the actor's graph.
        actions: a, int64, shape (batch,).
        rewards: r, shape (batch,).
        terminated: whether the episode was terminated with this step, bool, shape (batch,). If it was truncated, V(o')
            counts as ever.
        values, next_values: V(o) and V(o'), shape (batch,) each, both with the critic's graph.
        gamma: γ, from 0 to 1; 0.99 unless it is given.
        vf_coef, ent_coef: how much the second and the third term weigh; 0.5 and 0.01 unless they are given.

    Returns:
        The loss, a tensor without axes.

    >>> logits, right = torch.zeros(1, 2), torch.tensor([True])  # undecided, so that ln π is -0.6931; A = 1 - 0
    >>> nothing, some = torch.zeros(1), torch.ones(1)
    >>> compute_actor_critic_loss(logits, torch.tensor([0]), some, right, nothing, 9 * some, vf_coef=0.5, ent_coef=0)
    tensor(1.1931)

    Source: S&B, section 13.5, "One-step Actor-Critic"; Mnih et al. (2016), section 4.
    """
    raise NotImplementedError("compute_actor_critic_loss")
