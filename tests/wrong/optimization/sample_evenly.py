# sample_parameters: logarithms are forgotten; named: "Draws the learning rate itself evenly: small ones hardly ever come."
# ruff: noqa
import random


def sample_parameters(parameters):
    sampled = {}
    for name, p in parameters.items():
        if "values" in p:
            sampled[name] = random.choice(p["values"])
        else:
            sampled[name] = random.uniform(p["min"], p["max"])
    return sampled
