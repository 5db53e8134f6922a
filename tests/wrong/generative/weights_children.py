# initialize_weights: looks at children only; named: "Looks at the model's own children only; layers stand deeper."
from torch import nn


def initialize_weights(model):
    for layer in model.children():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.constant_(layer.bias, 0.0)
