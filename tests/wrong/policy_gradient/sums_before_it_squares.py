# optimal_baseline: squares the sum of a row; named: "Squares the sum of a row, and does not add squares."
def optimal_baseline(scores, rewards):
    return (scores.sum(dim=1) ** 2 * rewards).mean() / (scores.sum(dim=1) ** 2).mean()
