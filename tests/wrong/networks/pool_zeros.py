# maxpool2d: pads with zeros; named: "Pads with zeros, which win over negative numbers."
from torch.nn import functional


def maxpool2d(x, kernel_size, stride=None, padding=0):
    def pair(v):
        return v if isinstance(v, tuple) else (v, v)

    kh, kw = pair(kernel_size)
    sh, sw = pair(kernel_size if stride is None else stride)
    ph, pw = pair(padding)
    x = functional.pad(x, (pw, pw, ph, ph))
    return x.unfold(2, kh, sh).unfold(3, kw, sw).amax(dim=(-1, -2))
