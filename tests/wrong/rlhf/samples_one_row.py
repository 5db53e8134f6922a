# get_samples: one row, copied; named: "Draws once and repeats the row: the samples are all the same."
def get_samples(model, prompt, batch_size, gen_len=15, temperature=0.8, top_k=15, prepend_bos=True):
    tokens = model.to_tokens(prompt, prepend_bos=prepend_bos)
    out = model.generate(
        tokens, max_new_tokens=gen_len, temperature=temperature, top_k=top_k, stop_at_eos=False
    ).clone()
    out = out.repeat(batch_size, 1)
    return out, model.to_string(out)
