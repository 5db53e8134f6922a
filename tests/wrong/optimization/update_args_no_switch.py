# update_args: the switch is forgotten; named: "Takes the weight decay that was drawn, also where it is switched off."
# ruff: noqa
def update_args(args, sampled_parameters):
    for name in ("learning_rate", "batch_size", "weight_decay"):
        setattr(args, name, sampled_parameters[name])
    return args
