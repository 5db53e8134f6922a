# top_1_acc: columns for rows; named: "Looks for the largest in each column."
# ruff: noqa: N803
def top_1_acc(full_OV_circuit, batch_size=1000):
    product = full_OV_circuit.AB
    best = product.argmax(dim=0)
    right = sum(int(best[i] == i) for i in range(len(best)))
    return right / len(best)
