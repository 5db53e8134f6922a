# SGD: the gradient is averaged into the buffer; named: "Weighs the gradient with 1 - momentum: an average. Here the whole gradient is added."
# ruff: noqa
import torch


class SGD:
    def __init__(self, params, lr, momentum=0.0, weight_decay=0.0):
        self.params = list(params)
        self.lr = lr
        self.mu = momentum
        self.wd = weight_decay
        self.v = [torch.zeros_like(p) for p in self.params]

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.inference_mode()
    def step(self):
        for i, p in enumerate(self.params):
            if p.grad is None:
                continue
            g = p.grad + self.wd * p
            self.v[i] = self.mu * self.v[i] + (1 - self.mu) * g
            p -= self.lr * self.v[i]
