# RMSprop: eps is added before the root; named: "eps stands inside the root."
# ruff: noqa
import torch


class RMSprop:
    def __init__(self, params, lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0.0, momentum=0.0):
        self.params = list(params)
        self.lr, self.alpha, self.eps, self.wd, self.mu = lr, alpha, eps, weight_decay, momentum
        self.v = [torch.zeros_like(p) for p in self.params]
        self.b = [torch.zeros_like(p) for p in self.params]

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p, v, b in zip(self.params, self.v, self.b):
            if p.grad is None:
                continue
            g = p.grad + self.wd * p
            v.copy_(self.alpha * v + (1 - self.alpha) * g.pow(2))
            b.copy_(self.mu * b + g / torch.sqrt(v + self.eps))
            p -= self.lr * b
