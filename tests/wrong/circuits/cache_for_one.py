# get_activations: forgets which names it was given; named: "Returns the cache for a single name too."
def get_activations(model, toks, names):
    names = [names] if isinstance(names, str) else names
    _, cache = model.run_with_cache(toks, names_filter=lambda n: n in names)
    return cache
