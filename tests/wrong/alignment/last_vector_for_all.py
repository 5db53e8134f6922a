# ActivationCapper: the hook's loop variable is the last one's; named: "All hooks use the vector of the last cap: a closure looks its names up when it is called."
# ruff: noqa: E501
class ActivationCapper:
    def __init__(self, model, vectors, thresholds, layer_indices):
        self.model, self.vectors, self.thresholds, self.layer_indices = model, vectors, thresholds, layer_indices

    def __enter__(self):
        self.handles = []
        for vector, threshold, layer in zip(self.vectors, self.thresholds, self.layer_indices, strict=True):

            def hook(module, inputs, output):
                hidden = output[0] if isinstance(output, tuple) else output
                excess = (hidden @ vector - threshold).clamp(max=0)  # noqa: B023
                hidden = hidden - excess.unsqueeze(-1) * vector  # noqa: B023
                return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

            self.handles.append(self.model.model.layers[layer].register_forward_hook(hook))
        return self

    def __exit__(self, *exc):
        for handle in self.handles:
            handle.remove()
