# PPOScheduler: changes initial_lr as it goes; named: "Overwrites where it began: the steps get out of proportion."
class PPOScheduler:
    def __init__(self, optimizer, initial_lr, end_lr, total_phases):
        self.optimizer = optimizer
        self.initial_lr = initial_lr
        self.end_lr = end_lr
        self.total_phases = total_phases
        self.n_step_calls = 0

    def step(self):
        self.n_step_calls += 1
        frac = self.n_step_calls / self.total_phases
        self.initial_lr = self.initial_lr + frac * (self.end_lr - self.initial_lr)
        for group in self.optimizer.param_groups:
            group["lr"] = self.initial_lr
