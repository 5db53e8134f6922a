# StepLR: the power is taken of the rate that has fallen; named: "Takes the power for all steps so far and multiplies the rate that has already fallen: it falls twice over."
# ruff: noqa
class StepLR:
    def __init__(self, optimizer, step_size, gamma=0.1):
        self.optimizer = optimizer
        self.step_size = step_size
        self.gamma = gamma
        self.n = 0

    def step(self):
        self.n += 1
        factor = self.gamma ** (self.n // self.step_size)
        if hasattr(self.optimizer, "param_groups"):
            for group in self.optimizer.param_groups:
                group["lr"] *= factor
        else:
            self.optimizer.lr *= factor
