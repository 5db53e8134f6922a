"""Proximal policy optimisation: learning to act from what one has just done, in steps that are never too large.

An actor says what to do, a critic says what to expect. They play for a while, side by side in several environments;
then both learn from what was played, several times over, and all of it is forgotten. What keeps the actor from running
away with such old data is an objective that stops paying once it has moved too far. You write the parts in the order
in which they are used: networks, advantages, memory, acting, objective, learning. At last actions become continuous.

Of what a network maximises we say objective, of what it minimises, loss. Papers: Schulman et al. (2017), "Proximal
Policy Optimization Algorithms", from here on PPO; Schulman et al. (2016), "High-Dimensional Continuous Control Using
Generalized Advantage Estimation", from here on GAE; Huang et al. (2022), "The 37 Implementation Details of Proximal
Policy Optimization". Settings and minibatches lie in `exercises/given/phases.py`. Before CartPole, try the environments
of `exercises/given/probes.py`: which of them an agent cannot solve says where its bug is.
"""

# %% Setup
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import Categorical, Normal
from torch.optim import Adam, Optimizer

from exercises.given.phases import PPOArgs, ReplayMinibatch
from exercises.given.probes import vector_envs


# %% Networks
def layer_init(layer: nn.Linear, std: float = 2**0.5, bias_const: float = 0.0) -> nn.Linear:
    """Give a linear layer its first weights: a random orthogonal matrix, stretched by std, and a constant bias.

    Orthogonal means that the rows (or the columns, if there are fewer of them) have length 1 and are perpendicular to
    each other. So no direction of the input grows or fades more than another: all singular values are std. A method
    of torch.nn.init draws such a matrix.

    Args:
        layer: its weight, shape (out, in), and its bias, shape (out,), are changed in place.
        std: the stretch, or gain; sqrt(2) unless given.
        bias_const: the value of all biases; 0 unless given.

    Returns:
        The same layer, so that calls can stand where the layer would.

    >>> layer = layer_init(nn.Linear(1, 1), std=0.5, bias_const=3.0)
    >>> layer.weight.abs().item(), layer.bias.item()
    (0.5, 3.0)

    Source: Huang et al., detail 2; Saxe et al. (2014), "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks".
    """
    nn.init.orthogonal_(layer.weight, std)
    nn.init.constant_(layer.bias, bias_const)
    return layer


def get_actor_and_critic_classic(num_obs: int, num_actions: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Make the two networks for problems such as CartPole, an nn.Sequential each, in this order: actor, critic.

        linear to 64, tanh, linear to 64, tanh, linear to the outputs

    The actor has an output for each action, its logits; the critic has one, the value. All layers are made by
    layer_init. The hidden ones have a std of sqrt(2). The last one has 0.01 in the actor, so that at first all actions
    are nearly equally probable, and 1 in the critic. All biases are 0. The two share nothing.

    Args:
        num_obs: how many numbers an observation has.
        num_actions: how many actions there are.

    Returns:
        The actor, from (batch, num_obs) to (batch, num_actions), and the critic, from (batch, num_obs) to (batch, 1).

    >>> actor, critic = get_actor_and_critic_classic(4, 2)
    >>> actor(torch.zeros(3, 4)).shape, critic(torch.zeros(3, 4)).shape
    (torch.Size([3, 2]), torch.Size([3, 1]))

    Source: Huang et al., details 2 and 13 ("separate MLP networks").
    """

    def mlp(num_out: int, std: float) -> nn.Sequential:
        return nn.Sequential(
            layer_init(nn.Linear(num_obs, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, num_out), std=std),
        )

    return mlp(num_actions, 0.01), mlp(1, 1.0)


# %% Advantages
# How does an episode end? It is *terminated* when the world is over: the pole has fallen, the game is won. Nothing can
# be earned after that, so what follows is worth 0. It is *truncated* when somebody looked at the clock: the pole still
# stands, and if it had not been for the time limit there would have been more to earn, about as much as the critic
# expects at the last observation. To take one for the other teaches the critic that good states are worth nothing.
#
# Environments side by side begin a new episode at once when one is over. So a row of observations may hold the last
# episode's beginning in one column and a new one in the next, and a flag must say where an episode ends.
def bootstrap_truncated(
    rewards: Float[Tensor, "*axes"],
    terminated: Float[Tensor, "*axes"],
    truncated: Float[Tensor, "*axes"],
    final_values: Float[Tensor, "*axes"],
    gamma: float,
) -> Float[Tensor, "*axes"]:
    """Put what a time limit has cut off into the last reward, so that the step may then count as an end of its own.

        r + γ V(final observation)    if the episode was truncated and not terminated
        r                             else

    Args:
        rewards: of some steps, float, any shape.
        terminated, truncated: whether the episode has ended with that step, and how; 1.0 or 0.0, same shape. Both can
            be 1: then the world is over, and nothing was cut off.
        final_values: what the critic says of the episode's last observation (not of the next one's first); same shape.
            Where the step was not truncated there is no such observation, and any number may stand here, also NaN.
        gamma: γ.

    Returns:
        The rewards with what was cut off, same shape, in a new tensor.

    >>> flags = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    >>> bootstrap_truncated(torch.ones(2), *flags, torch.tensor([8.0, 8.0]), gamma=0.5).tolist()
    [1.0, 5.0]

    Source: Pardo et al. (2018), "Time Limits in Reinforcement Learning".
    """
    cut_off = (truncated == 1) & (terminated == 0)
    return torch.where(cut_off, rewards + gamma * final_values, rewards)


def compute_advantages(
    next_value: Float[Tensor, "envs"],
    next_terminated: Float[Tensor, "envs"],
    rewards: Float[Tensor, "steps envs"],
    values: Float[Tensor, "steps envs"],
    terminated: Float[Tensor, "steps envs"],
    gamma: float,
    gae_lambda: float,
) -> Float[Tensor, "steps envs"]:
    """Say how much better than expected each action was: generalised advantage estimation.

        δ_t = r_t + γ V_{t+1} (1 - d_{t+1}) - V_t
        A_t = δ_t + γ λ (1 - d_{t+1}) A_{t+1}

    δ is the surprise of one step. With λ = 0 it is all that counts; with λ = 1 the whole return of the episode counts,
    less V_t. Between them distant surprises count less, as they are noisy.

    A flag stands beside the observation that came with it: d_t says that step t - 1 has ended an episode, so that
    observation t is the first one of the next. Whether step t itself has ended one is d_{t+1}. After the last step come
    next_value and next_terminated, and no surprise is known beyond it.

    The flag means that nothing is to be expected any more. An episode that was only truncated may be flagged too if its
    last reward already has what was cut off, as bootstrap_truncated puts it there.

    Args:
        next_value: V of the observation after the last step, shape (envs,).
        next_terminated: its flag, 1.0 or 0.0, shape (envs,).
        rewards, values: r and V, float, shape (steps, envs).
        terminated: d, float (1.0 or 0.0), shape (steps, envs). A careful answer takes flags of dtype bool too.
        gamma, gae_lambda: γ and λ, from 0 to 1, both included.

    Returns:
        A, shape (steps, envs). It needs no gradient, even if values do: an advantage is data.

    >>> rewards, values, flags = torch.tensor([[0.0], [4.0]]), torch.tensor([[1.0], [2.0]]), torch.zeros(2, 1)
    >>> compute_advantages(torch.tensor([2.0]), torch.tensor([0.0]), rewards, values, flags, 0.5, 0.5).tolist()
    [[0.75], [3.0]]

    Source: GAE, equations 9 and 16.
    """
    following_values = torch.cat([values[1:], next_value[None]]).detach()  # (steps, envs): V_{t+1}
    goes_on = 1.0 - torch.cat([terminated[1:], next_terminated[None]]).to(rewards.dtype)  # (steps, envs): 1 - d_{t+1}
    deltas = rewards + gamma * following_values * goes_on - values.detach()  # (steps, envs)
    advantages = []  # from the last step to the first
    later = torch.zeros_like(deltas[0])  # (envs,): A_{t+1}
    for t in reversed(range(len(rewards))):
        later = deltas[t] + gamma * gae_lambda * goes_on[t] * later
        advantages.append(later)
    return torch.stack(advantages[::-1])  # (steps, envs)


# %% Memory
def get_minibatch_indices(rng: np.random.Generator, batch_size: int, minibatch_size: int) -> list[Int[np.ndarray, "m"]]:
    """Divide a batch into minibatches at random: each index from 0 to batch_size - 1 comes exactly once, anywhere.

    Args:
        rng: where all chance comes from. A generator in the same state divides in the same way.
        batch_size: how many there are.
        minibatch_size: how many a minibatch has; it divides batch_size.

    Returns:
        The indices, an array of shape (minibatch_size,) for each minibatch. (A two-dimensional array is as good.)

    >>> np.sort(np.concatenate(get_minibatch_indices(np.random.default_rng(0), 6, 2))).tolist()
    [0, 1, 2, 3, 4, 5]

    Source: Huang et al., detail 6.
    """
    indices = rng.permutation(batch_size)  # (batch,)
    return [indices[start : start + minibatch_size] for start in range(0, batch_size, minibatch_size)]


class ReplayMemory:
    """Keeps the steps of a rollout, and hands them out in minibatches. PPO learns from what it has just done only.

    Source: Huang et al., details 1 and 6.
    """

    def __init__(  # given
        self,
        num_envs: int,
        obs_shape: tuple[int, ...],
        action_shape: tuple[int, ...],
        batch_size: int,
        minibatch_size: int,
        batches_per_learning_phase: int,
        seed: int = 42,
    ) -> None:
        """Take the settings; batch_size is num_envs times the number of steps."""
        self.num_envs, self.obs_shape, self.action_shape = num_envs, obs_shape, action_shape
        self.batch_size, self.minibatch_size = batch_size, minibatch_size
        self.batches_per_learning_phase = batches_per_learning_phase
        self.rng = np.random.default_rng(seed)
        self.reset()

    def reset(self) -> None:  # given
        """Forget everything: a list for each of the six things that add takes."""
        self.obs: list[np.ndarray] = []
        self.actions: list[np.ndarray] = []
        self.logprobs: list[np.ndarray] = []
        self.values: list[np.ndarray] = []
        self.rewards: list[np.ndarray] = []
        self.terminated: list[np.ndarray] = []

    def add(
        self,
        obs: Float[np.ndarray, "envs *obs_shape"],
        actions: Int[np.ndarray, "envs *action_shape"],
        logprobs: Float[np.ndarray, "envs"],
        values: Float[np.ndarray, "envs"],
        rewards: Float[np.ndarray, "envs"],
        terminated: Float[np.ndarray, "envs"],
    ) -> None:
        """Keep one step of all environments, in copies: the caller may use the arrays again.

        Args:
            obs, terminated: what was seen before the step, and whether the step before it had ended an episode.
            actions, logprobs, values, rewards: of the step.
        """
        self.obs.append(np.array(obs))
        self.actions.append(np.array(actions))
        self.logprobs.append(np.array(logprobs))
        self.values.append(np.array(values))
        self.rewards.append(np.array(rewards))
        self.terminated.append(np.array(terminated))

    def get_minibatches(
        self, next_value: Float[Tensor, "envs"], next_terminated: Float[Tensor, "envs"], gamma: float, gae_lambda: float
    ) -> list[ReplayMinibatch]:
        """Hand out everything batches_per_learning_phase times, divided anew each time.

        First compute the advantages, while steps are still in their order; the return that the critic is to learn is
        advantage + value. Then flatten steps and environments into one axis, the same way in all six fields, and pick
        the rows by get_minibatch_indices with self.rng.

        Args:
            next_value, next_terminated: what comes after the last step, as for compute_advantages.
            gamma, gae_lambda: γ and λ.

        Returns:
            The minibatches of all rounds in a row, of minibatch_size steps each, all fields tensors without gradient.
        """
        stored = (self.obs, self.actions, self.logprobs, self.values, self.rewards, self.terminated)
        obs, actions, logprobs, values, rewards, terminated = (torch.tensor(np.stack(field)) for field in stored)
        rewards, terminated = rewards.float(), terminated.float()  # (steps, envs)
        advantages = compute_advantages(next_value, next_terminated, rewards, values, terminated, gamma, gae_lambda)
        fields = (obs, actions, logprobs, advantages, advantages + values, terminated)
        batch = [field.flatten(0, 1) for field in fields]  # (steps, envs, ...) -> (batch, ...)
        return [
            ReplayMinibatch(*(field[indices] for field in batch))
            for _ in range(self.batches_per_learning_phase)
            for indices in get_minibatch_indices(self.rng, self.batch_size, self.minibatch_size)
        ]


# %% Acting
class PPOAgent:
    """Plays in several environments at once, and remembers what it did.

    Attributes:
        envs: a vector environment. Where an episode is over, the next one begins at once.
        actor, critic: from observations to logits of actions, and to a value.
        memory: a ReplayMemory.
        step: how many steps were made in all environments together.
        next_obs: what the next step begins with, float32, shape (envs, *obs_shape).
        next_terminated: whether the last step has ended an episode, 1.0 or 0.0, shape (envs,).
    """

    def __init__(  # given
        self,
        envs: gym.vector.VectorEnv,
        actor: nn.Module,
        critic: nn.Module,
        memory: ReplayMemory,
    ) -> None:
        """Begin with the first observations."""
        self.envs, self.actor, self.critic, self.memory = envs, actor, critic, memory
        self.step = 0
        self.next_obs = torch.tensor(envs.reset()[0], dtype=torch.float32)
        self.next_terminated = torch.zeros(envs.num_envs)

    def play_step(self) -> dict[str, Any]:
        """Make one step in all environments, and put it into the memory.

        Draw the actions from Categorical(logits=…), with the actor's logits for self.next_obs. Take them:
        self.envs.step wants an array, and returns obs, rewards, terminated, truncated, infos. Call self.memory.add
        once, with arrays, in the order of ReplayMemory.add. What stands there side by side belongs to one step: the
        observation *before* the action, the action, its log-probability, the critic's value of that same observation,
        shape (envs,), the reward, and the flag that came *with that observation*. At last prepare the next step:
        self.next_obs and self.next_terminated are what has just come out, and self.step has grown by the number of
        environments.

        Nothing of this is learned from yet, so nothing that is kept needs a gradient.

        Which flag is kept for an episode that was truncated is left to you: terminated alone (then the next episode's
        first value stands for what was cut off), or terminated or truncated (then nothing does). Both are simple, and
        both are a little wrong; what is right stands at bootstrap_truncated, and needs infos["final_obs"].

        Returns:
            The infos of the environments.

        Source: PPO, algorithm 1, its inner loop.
        """
        obs, terminated = self.next_obs, self.next_terminated  # (envs, *obs_shape), (envs,)
        with torch.no_grad():
            dist = Categorical(logits=self.actor(obs))  # (envs, actions)
            values = self.critic(obs).squeeze(-1)  # (envs, 1) -> (envs,)
        actions = dist.sample()  # (envs,)
        logprobs = dist.log_prob(actions)  # (envs,)
        next_obs, rewards, next_terminated, _, infos = self.envs.step(actions.numpy())
        self.memory.add(*(part.numpy() for part in (obs, actions, logprobs, values)), rewards, terminated.numpy())
        self.next_obs = torch.tensor(next_obs, dtype=torch.float32)
        self.next_terminated = torch.tensor(next_terminated, dtype=torch.float32)
        self.step += self.envs.num_envs
        return infos

    def get_minibatches(self, gamma: float, gae_lambda: float) -> list[ReplayMinibatch]:  # given
        """What there is to learn from the steps since the last call, which are then forgotten."""
        with torch.no_grad():
            next_value = self.critic(self.next_obs).squeeze(-1)
        minibatches = self.memory.get_minibatches(next_value, self.next_terminated, gamma, gae_lambda)
        self.memory.reset()
        return minibatches


# %% Objective
def approx_kl(logprobs: Float[Tensor, "m"], mb_logprobs: Float[Tensor, "m"]) -> float:
    """About how far the policy has moved since the actions were taken. Worth watching: it should stay below 0.02 or so.

        mean of (r - 1) - ln r,    r = π(a) / π_old(a)

    This one is done for you.

    >>> approx_kl(torch.zeros(3), torch.zeros(3))
    0.0

    Source: Huang et al., detail 12; http://joschu.net/blog/kl-approx.html.
    """
    log_ratio = (logprobs - mb_logprobs).detach()  # (m,)
    return float((log_ratio.exp() - 1 - log_ratio).mean())


def calc_clipped_surrogate_objective(
    dist: Categorical,
    mb_action: Int[Tensor, "m"],
    mb_advantages: Float[Tensor, "m"],
    mb_logprobs: Float[Tensor, "m"],
    clip_coef: float,
    eps: float = 1e-8,
) -> Float[Tensor, ""]:
    """Say how good a policy is by actions that an older one has taken, and do not believe it too far: an objective.

        L = mean of min( r Â, clip(r, 1 - ε, 1 + ε) Â )
        r = π(a) / π_old(a) = exp( ln π(a) - ln π_old(a) )
        Â = (A - mean(A)) / (std(A) + eps)

    If Â > 0, more of the action is better, but beyond r = 1 + ε it pays no more: the gradient is 0 there. If Â < 0,
    less is better, down to 1 - ε. The minimum is what keeps the way back open: where r has already gone in the *wrong*
    direction, however far, the gradient is there and leads back. It is the ratio that is clipped, not r Â.

    Args:
        dist: the policy as it is now, for each of the observations.
        mb_action: what was done, int, shape (m,).
        mb_advantages: A, float, shape (m,). std is torch's, with m - 1 in the denominator, and m is at least 2.
        mb_logprobs: ln π_old(a), shape (m,); a constant.
        clip_coef: ε.
        eps: keeps the quotient finite if all advantages are the same: then L is 0.

    Returns:
        L, a 0-d tensor with a gradient towards dist: the larger, the better.

    >>> even = Categorical(logits=torch.zeros(2, 2))
    >>> round(calc_clipped_surrogate_objective(
    ...     even, torch.tensor([0, 1]), torch.tensor([1.0, -1.0]), torch.log(torch.tensor([0.25, 0.5])), 0.5).item(), 4)
    0.1768

    There Â = ±0.7071 and r = 2, which is clipped to 1.5, and 1.

    Source: PPO, equation 7; Huang et al., detail 7 for Â.
    """
    ratio = torch.exp(dist.log_prob(mb_action) - mb_logprobs)  # (m,)
    advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)  # (m,)
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef)  # (m,)
    return (ratio * advantages).minimum(clipped * advantages).mean()


def calc_value_function_loss(
    values: Float[Tensor, "m"], mb_returns: Float[Tensor, "m"], vf_coef: float
) -> Float[Tensor, ""]:
    """Say how far the critic is from what came out: a loss.

        L = vf_coef · mean of (V - R)²

    The paper has no factor ½ in it, older code does. Both are accepted, as vf_coef is chosen to go with it.

    Args:
        values: V, what the critic says now, shape (m,).
        mb_returns: R, shape (m,); a constant.
        vf_coef: what the loss weighs in the whole objective.

    Returns:
        L, a 0-d tensor with a gradient towards values: never negative, the smaller, the better.

    >>> calc_value_function_loss(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.0]), vf_coef=0.5).item()
    1.0

    Source: PPO, equation 9.
    """
    return vf_coef * (values - mb_returns).square().mean()


def calc_entropy_bonus(dist: Categorical, ent_coef: float) -> Float[Tensor, ""]:
    """Reward a policy for leaving something to chance, so that it does not settle too early: an objective.

        S = ent_coef · mean of H(π),    H(π) = - Σ_a π(a) ln π(a)

    An action of probability 0 adds nothing to it.

    Args:
        dist: the policy, for each of some observations.
        ent_coef: what the bonus weighs in the whole objective.

    Returns:
        S, a 0-d tensor with a gradient towards dist: the larger, the more chance there is.

    >>> round(calc_entropy_bonus(Categorical(logits=torch.zeros(3, 4)), ent_coef=1.0).item(), 4)  # ln 4
    1.3863

    Source: PPO, equation 9.
    """
    return ent_coef * dist.entropy().mean()


# %% Learning
class PPOScheduler:
    """Leads the learning rate evenly from its first value to its last.

        lr = initial_lr + n / total_phases · (end_lr - initial_lr)        after n calls of step

    Source: Huang et al., detail 4.
    """

    def __init__(self, optimizer: Optimizer, initial_lr: float, end_lr: float, total_phases: int) -> None:  # given
        """No step was made yet; the optimizer has the rate initial_lr."""
        self.optimizer, self.initial_lr, self.end_lr = optimizer, initial_lr, end_lr
        self.total_phases = total_phases
        self.n_step_calls = 0

    def step(self) -> None:
        """A phase is over: set "lr" in every one of self.optimizer.param_groups to what the formula says.

        A worked example: from 1.0 to 0.5 in two phases, it is 0.75 after the first call and 0.5 after the second. What
        happens after more than total_phases calls is left open.
        """
        self.n_step_calls += 1
        share = self.n_step_calls / self.total_phases
        for group in self.optimizer.param_groups:
            group["lr"] = self.initial_lr + share * (self.end_lr - self.initial_lr)


def make_optimizer(
    actor: nn.Module, critic: nn.Module, total_phases: int, initial_lr: float, end_lr: float = 0.0
) -> tuple[Optimizer, PPOScheduler]:
    """Make an optimizer for both networks, and a scheduler for it.

    The optimizer is torch's Adam (or AdamW, whose decay does no harm here) with eps = 1e-5. What it is given is an
    objective: it must *maximise*, which Adam has an option for.

    Args:
        actor, critic: all of their parameters are to be trained.
        total_phases, initial_lr, end_lr: as for PPOScheduler.

    Returns:
        The optimizer, whose rate is initial_lr, and the PPOScheduler.

    >>> optimizer, scheduler = make_optimizer(nn.Linear(2, 2), nn.Linear(2, 1), total_phases=10, initial_lr=0.5)
    >>> sum(len(group["params"]) for group in optimizer.param_groups), scheduler.end_lr
    (4, 0.0)

    Source: Huang et al., details 3 and 4.
    """
    parameters = [*actor.parameters(), *critic.parameters()]
    optimizer = Adam(parameters, lr=initial_lr, eps=1e-5, maximize=True)
    return optimizer, PPOScheduler(optimizer, initial_lr, end_lr, total_phases)


class PPOTrainer:
    """Puts it all together: phases of playing and learning.

    Attributes:
        args, envs, memory, actor, critic, optimizer, scheduler, agent: the settings, and the parts from above.

    Source: PPO, algorithm 1.
    """

    def __init__(self, args: PPOArgs) -> None:  # given
        """Make all parts."""
        torch.manual_seed(args.seed)
        self.args = args
        self.envs = vector_envs(args.env_id, args.num_envs)
        self.envs.reset(seed=args.seed)
        self.actor, self.critic = get_actor_and_critic(self.envs)
        self.optimizer, self.scheduler = make_optimizer(self.actor, self.critic, args.total_phases, args.lr)
        self.memory = ReplayMemory(
            args.num_envs,
            self.envs.single_observation_space.shape,
            self.envs.single_action_space.shape,
            args.batch_size,
            args.minibatch_size,
            args.batches_per_learning_phase,
            args.seed,
        )
        self.agent = PPOAgent(self.envs, self.actor, self.critic, self.memory)

    def compute_ppo_objective(self, minibatch: ReplayMinibatch) -> Float[Tensor, ""]:
        """What is to be maximised, for one minibatch: what three functions of yours say, in one number.

            clipped surrogate objective - value function loss + entropy bonus

        The actor and the critic look at minibatch.obs anew, as both have learned since the steps were made; the old
        log-probabilities, the advantages and the returns are those of the minibatch. The coefficients clip_coef,
        vf_coef and ent_coef are those of self.args. The critic's values have the shape (m, 1), the returns (m,): give
        them the same shape, or a difference of the two becomes a matrix.

        Returns:
            The objective, a 0-d tensor with a gradient towards all parameters of both networks.

        Source: PPO, equation 9.
        """
        dist = Categorical(logits=self.actor(minibatch.obs))  # (m, actions)
        values = self.critic(minibatch.obs)[:, 0]  # (m, 1) -> (m,)
        surrogate = calc_clipped_surrogate_objective(
            dist, minibatch.actions, minibatch.advantages, minibatch.logprobs, self.args.clip_coef
        )
        value_loss = calc_value_function_loss(values, minibatch.returns, self.args.vf_coef)
        entropy_bonus = calc_entropy_bonus(dist, self.args.ent_coef)
        return surrogate - value_loss + entropy_bonus

    def learning_phase(self) -> None:
        """Learn from the last rollout: a step of the optimizer for each of the agent's minibatches.

        self.agent.get_minibatches(γ, λ), with gamma and gae_lambda of self.args, returns them. For each compute the
        objective, its gradient alone (not what is left of the gradient before), shorten the gradient if necessary, and
        let self.optimizer, which maximises, make a step. Shortened is the gradient of both networks as one long vector,
        to a norm of at most self.args.max_grad_norm; it keeps its direction. When all is done, self.scheduler makes a
        step. (One after each minibatch is accepted too: that is how it was done until 2024.)

        Source: PPO, algorithm 1; Huang et al., detail 11.
        """
        parameters = [*self.actor.parameters(), *self.critic.parameters()]
        for minibatch in self.agent.get_minibatches(self.args.gamma, self.args.gae_lambda):
            objective = self.compute_ppo_objective(minibatch)
            self.optimizer.zero_grad()
            objective.backward()
            nn.utils.clip_grad_norm_(parameters, self.args.max_grad_norm)
            self.optimizer.step()
        self.scheduler.step()

    def rollout_phase(self) -> float:  # given
        """Play. Returns the mean reward of a step."""
        for _ in range(self.args.num_steps_per_rollout):
            self.agent.play_step()
        return float(np.mean(self.memory.rewards))

    def train(self) -> list[float]:  # given
        """Play and learn, total_phases times. Returns the mean reward of a step, for each phase."""
        rewards = []
        for _ in range(self.args.total_phases):
            rewards.append(self.rollout_phase())
            self.learning_phase()
        return rewards


def get_actor_and_critic(envs: gym.vector.VectorEnv) -> tuple[nn.Module, nn.Module]:
    """The two networks for an environment, by its spaces: those for numbered actions, or for continuous ones."""
    num_obs = int(np.prod(envs.single_observation_space.shape))
    actions = envs.single_action_space
    if isinstance(actions, gym.spaces.Discrete):
        return get_actor_and_critic_classic(num_obs, int(actions.n))
    return Actor(num_obs, int(np.prod(actions.shape))), Critic(num_obs)


# %% Continuous actions
class Critic(nn.Module):
    """The critic where actions are continuous; it is no other than before.

    Attributes:
        critic: an nn.Sequential: linear to 64, tanh, linear to 64, tanh, linear to 1; weights by layer_init as in
            get_actor_and_critic_classic.
    """

    def __init__(self, num_obs: int) -> None:
        """Make the layers, for observations of num_obs numbers."""
        super().__init__()
        self.critic = nn.Sequential(
            layer_init(nn.Linear(num_obs, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 1), std=1.0),
        )

    def forward(self, obs: Float[Tensor, "batch obs"]) -> Float[Tensor, "batch 1"]:
        """The value of each observation."""
        return self.critic(obs)


class Actor(nn.Module):
    """A policy whose actions are vectors of numbers, each drawn from a normal distribution of its own.

    What is most probable depends on the observation. How much chance there is does not: it is a parameter by itself,
    kept as a logarithm so that any number will do.

    Attributes:
        actor_mu: an nn.Sequential from observations to means μ: linear to 64, tanh, linear to 64, tanh, linear to
            num_actions; weights by layer_init as in the actor of get_actor_and_critic_classic.
        actor_log_sigma: ln σ, an nn.Parameter of shape (1, num_actions), 0 at first.

    Source: Huang et al., "9 details for continuous action domains", details 1 to 4.
    """

    def __init__(self, num_obs: int, num_actions: int) -> None:
        """Make the layers and the parameter, for observations of num_obs and actions of num_actions numbers."""
        super().__init__()
        self.actor_mu = get_actor_and_critic_classic(num_obs, num_actions)[0]
        self.actor_log_sigma = nn.Parameter(torch.zeros(1, num_actions))

    def forward(
        self, obs: Float[Tensor, "batch obs"]
    ) -> tuple[Float[Tensor, "batch actions"], Float[Tensor, "batch actions"], Normal]:
        """Returns μ and σ, both of shape (batch, num_actions), and Normal(μ, σ)."""
        mu = self.actor_mu(obs)  # (batch, actions)
        sigma = self.actor_log_sigma.exp().expand_as(mu)  # (1, actions) -> (batch, actions)
        return mu, sigma, Normal(mu, sigma)


def calc_clipped_surrogate_objective_cts(
    dist: Normal,
    mb_action: Float[Tensor, "m actions"],
    mb_advantages: Float[Tensor, "m"],
    mb_logprobs: Float[Tensor, "m"],
    clip_coef: float,
    eps: float = 1e-8,
) -> Float[Tensor, ""]:
    """The clipped surrogate objective where an action is a vector of numbers that are drawn independently.

    The probability (density) of an action is the product over its numbers, so its logarithm is the sum:

        ln π(a) = Σ_i ln π_i(a_i)

    and there is one ratio r for the whole action. All else is as in calc_clipped_surrogate_objective.

    Args:
        dist: Normal, with a mean and a deviation for each number, shape (m, actions).
        mb_action: float, shape (m, actions).
        mb_advantages, mb_logprobs: A and ln π_old(a), of whole actions, shape (m,).
        clip_coef, eps: as before.

    Returns:
        L, a 0-d tensor with a gradient towards dist: the larger, the better.

    Source: PPO, equation 7; Huang et al., "9 details for continuous action domains", detail 4.
    """
    ratio = torch.exp(dist.log_prob(mb_action).sum(dim=-1) - mb_logprobs)  # (m, actions) -> (m,)
    advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)  # (m,)
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef)  # (m,)
    return (ratio * advantages).minimum(clipped * advantages).mean()
