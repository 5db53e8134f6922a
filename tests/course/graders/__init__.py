SECTIONS = ("small", "layers")
