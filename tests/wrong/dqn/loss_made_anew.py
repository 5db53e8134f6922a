# td_loss: makes a new tensor of the loss; named: "Wraps the loss into a new tensor: no gradient comes to the network."
import torch as t


def td_loss(q, actions, targets):
    predicted = q[range(len(actions)), actions]
    loss = ((targets - predicted) ** 2).mean()
    return t.tensor(loss.item(), requires_grad=True)
