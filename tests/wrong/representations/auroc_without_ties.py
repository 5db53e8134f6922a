# compute_auroc: ties lose; named: "Ties count nothing."
def compute_auroc(score_fn, acts_test, labels_test):
    scores = score_fn(acts_test)
    positive = scores[labels_test == 1]
    negative = scores[labels_test == 0]
    wins = 0
    for p in positive:
        wins += int((negative < p).sum())
    return wins / (len(positive) * len(negative))
