# make_optimizer: goes downhill; named: "Goes downhill: what it is given is an objective."
from itertools import chain

from torch import optim


class PPOScheduler:
    def __init__(self, optimizer, initial_lr, end_lr, total_phases):
        self.optimizer, self.initial_lr, self.end_lr, self.total_phases = optimizer, initial_lr, end_lr, total_phases
        self.n_step_calls = 0

    def step(self):
        self.n_step_calls += 1
        frac = self.n_step_calls / self.total_phases
        for group in self.optimizer.param_groups:
            group["lr"] = self.initial_lr + frac * (self.end_lr - self.initial_lr)


def make_optimizer(actor, critic, total_phases, initial_lr, end_lr=0.0):
    optimizer = optim.AdamW(chain(actor.parameters(), critic.parameters()), lr=initial_lr, eps=1e-5)
    return optimizer, PPOScheduler(optimizer, initial_lr, end_lr, total_phases)
