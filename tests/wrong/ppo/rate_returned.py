# PPOScheduler: computes the rate and returns it; named: "Returns the rate without setting it."
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
        return self.initial_lr + frac * (self.end_lr - self.initial_lr)
