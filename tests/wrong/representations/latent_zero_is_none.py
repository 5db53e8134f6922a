# ablate_sae_latent: `or` takes 0 for None; named: "Takes latent 0 for None."
def ablate_sae_latent(sae_acts, hook, latent_idx=None, seq_pos=None):
    if latent_idx:
        if seq_pos is None:
            sae_acts[:, :, latent_idx] = 0
        else:
            sae_acts[:, seq_pos, latent_idx] = 0
    elif seq_pos is None:
        sae_acts[:] = 0
    else:
        sae_acts[:, seq_pos] = 0
    return sae_acts
