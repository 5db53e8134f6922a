# SteeringHook: adds the vector without normalising it; named: "Adds the vector as long as it is, not with length one."
class SteeringHook:
    def __init__(self, steering_vector, layer, steering_coef, apply_to_all_tokens=True):
        self.steering_vector = steering_vector
        self.layer = layer
        self.steering_coef = steering_coef
        self.apply_to_all_tokens = apply_to_all_tokens
        self._hook_handle = None

    def _steering_hook_fn(self, module, inputs, output):
        hidden = output[0] if isinstance(output, tuple) else output
        new = hidden.clone()
        if self.apply_to_all_tokens:
            new += self.steering_coef * hidden.norm(dim=-1, keepdim=True) * self.steering_vector
        else:
            new[:, -1] += self.steering_coef * hidden[:, -1].norm(dim=-1, keepdim=True) * self.steering_vector
        return (new, *output[1:]) if isinstance(output, tuple) else new

    def enable(self, model):
        self.disable()
        self._hook_handle = model.model.layers[self.layer].register_forward_hook(self._steering_hook_fn)

    def disable(self):
        if self._hook_handle is not None:
            self._hook_handle.remove()
            self._hook_handle = None
