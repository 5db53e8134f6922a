# predict: returns the largest logit for the probability; named: "Returns logits, not probabilities."
import torch


@torch.no_grad()
def predict(model, images):
    model.eval()
    values, classes = torch.max(model(images), dim=1)
    return values, classes
