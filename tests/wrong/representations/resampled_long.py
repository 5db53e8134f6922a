# resample_simple: directions as they are drawn; not named
import torch


def resample_simple(self, frac_active_in_window, resample_scale):
    dead = frac_active_in_window.sum(0) == 0
    for inst in range(self.cfg.n_inst):
        for latent in range(self.cfg.d_sae):
            if dead[inst, latent]:
                v = torch.randn(self.cfg.d_in)
                self.W_dec.data[inst, latent] = v
                self.W_enc.data[inst, :, latent] = resample_scale * v
                self.b_enc.data[inst, latent] = 0.0
