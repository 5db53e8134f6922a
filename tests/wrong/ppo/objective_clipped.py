# PPOTrainer: clips the loss, not the gradient; named: "Clips the objective; the gradient is to be shortened."
import torch
from torch.distributions import Categorical


def calc_clipped_surrogate_objective(dist, mb_action, mb_advantages, mb_logprobs, clip_coef, eps=1e-8):
    ratio = torch.exp(dist.log_prob(mb_action) - mb_logprobs)
    normed = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)
    return torch.min(ratio * normed, torch.clip(ratio, 1 - clip_coef, 1 + clip_coef) * normed).mean()


def calc_value_function_loss(values, mb_returns, vf_coef):
    return vf_coef * ((values - mb_returns) ** 2).mean()


def calc_entropy_bonus(dist, ent_coef):
    return ent_coef * dist.entropy().mean()


class PPOTrainer:
    def __init__(self, args):
        self.args = args

    def learning_phase(self):
        for minibatch in self.agent.get_minibatches(self.args.gamma, self.args.gae_lambda):
            objective = self.compute_ppo_objective(minibatch)
            limit = self.args.max_grad_norm
            objective = torch.clip(objective, -limit, limit)
            self.optimizer.zero_grad()
            objective.backward()
            self.optimizer.step()
        self.scheduler.step()

    def compute_ppo_objective(self, minibatch):
        dist = Categorical(logits=self.actor(minibatch.obs))
        values = self.critic(minibatch.obs).squeeze()
        surrogate = calc_clipped_surrogate_objective(
            dist, minibatch.actions, minibatch.advantages, minibatch.logprobs, self.args.clip_coef
        )
        value_loss = calc_value_function_loss(values, minibatch.returns, self.args.vf_coef)
        return surrogate - value_loss + calc_entropy_bonus(dist, self.args.ent_coef)
