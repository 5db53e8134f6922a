# td_loss: indexes columns for every row; named: "q[:, a] takes the actions of all transitions in every row: batch × batch numbers."
# ruff: noqa: E501
def td_loss(q, actions, targets):
    predicted = q[:, actions]
    return (predicted - targets.detach()).pow(2).mean()
