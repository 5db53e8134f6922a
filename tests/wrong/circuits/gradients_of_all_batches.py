# train_linear_probe: has no zero_grad, and one order; named: "Gradients are never reset: a step is made by all earlier batches too."
# ruff: noqa: E501
import torch


def probe_loss(resid, linear_probe, states):
    logits = torch.einsum("gmd,kdrco->kgmrco", resid, linear_probe)
    lp = logits.log_softmax(-1)
    one_hot = torch.nn.functional.one_hot(states, lp.shape[-1])
    right = (lp * one_hot).sum(-1).sum((-1, -2))
    return -(right[0][:, 0::2].mean() + right[1][:, 1::2].mean() + right[2].mean())


def train_linear_probe(linear_probe, optimizer, resid, states, batch_size, epochs):
    losses = []
    indices = torch.randperm(len(resid))
    for _ in range(epochs):
        for i in range(0, len(resid), batch_size):
            batch = indices[i : i + batch_size]
            loss = probe_loss(resid[batch], linear_probe, states[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses
