# compute_actor_critic_loss: writes the formula down, and lets the gradient go everywhere; named: "Nothing is detached: the actor's term moves the critic, and the critic its own target."
# ruff: noqa: E501
from torch.distributions import Categorical


def compute_actor_critic_loss(
    logits, actions, rewards, terminated, values, next_values, gamma=0.99, vf_coef=0.5, ent_coef=0.01
):
    target = rewards + gamma * next_values * (~terminated)
    adv = target - values
    dist = Categorical(logits=logits)
    actor = -(adv * dist.log_prob(actions)).mean()
    critic = adv.pow(2).mean()
    return actor + vf_coef * critic - ent_coef * dist.entropy().mean()
