"""Another kind of submission: transposed convolution as sums of shifted images, elsewhere torch's own layers."""

import torch
import torch.nn.functional as F
from torch import nn


class LeakyReLU(nn.LeakyReLU):
    pass


class Sigmoid(nn.Module):
    def forward(self, x):
        return torch.sigmoid(x)


class Tanh(nn.Module):
    def forward(self, x):
        return x.tanh()


def conv_transpose1d_minimal(x, weights):
    return conv_transpose1d(x, weights)


def fractional_stride_1d(x, stride=1):
    return fractional_stride_2d(x[:, :, None], 1, stride)[:, :, 0]


def conv_transpose1d(x, weights, stride=1, padding=0):
    """One kernel element after the other: its products with all of x, added in at a distance of stride."""
    batch, _, width = x.shape
    _, out_channels, kernel_width = weights.shape
    out = x.new_zeros(batch, out_channels, stride * (width - 1) + kernel_width)
    for k in range(kernel_width):
        out[:, :, k : k + stride * (width - 1) + 1 : stride] += torch.einsum("bci,co->boi", x, weights[:, :, k])
    return out[:, :, padding:-padding] if padding else out


def fractional_stride_2d(x, stride_h, stride_w):
    batch, channels, height, width = x.shape
    cells = torch.zeros(batch, channels, height, stride_h, width, stride_w, dtype=x.dtype)
    cells[:, :, :, 0, :, 0] = x
    spread = cells.reshape(batch, channels, height * stride_h, width * stride_w)
    return spread[:, :, : spread.shape[2] - stride_h + 1, : spread.shape[3] - stride_w + 1]


def conv_transpose2d(x, weights, stride=1, padding=0):
    """As the gradient that goes back through a convolution."""
    stride, padding = ((v, v) if isinstance(v, int) else v for v in (stride, padding))
    size = [s * (n - 1) + k - 2 * p for s, n, k, p in zip(stride, x.shape[2:], weights.shape[2:], padding, strict=True)]
    return torch.nn.grad.conv2d_input((len(x), weights.shape[1], *size), weights, x, stride, padding)


class ConvTranspose2d(nn.ConvTranspose2d):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias=False)


def coder(latent_in, latent_out, hidden, size):
    size = size // 4
    encoder = nn.ModuleDict(
        {
            "one": nn.Conv2d(1, 16, 4, 2, 1),
            "two": nn.Conv2d(16, 32, 4, 2, 1),
            "three": nn.Linear(32 * size**2, hidden),
            "four": nn.Linear(hidden, latent_out),
        }
    )
    decoder = nn.ModuleDict(
        {
            "four": nn.Linear(latent_in, hidden),
            "three": nn.Linear(hidden, 32 * size**2),
            "two": nn.ConvTranspose2d(32, 16, 4, 2, 1),
            "one": nn.ConvTranspose2d(16, 1, 4, 2, 1),
        }
    )
    encoder.forward = lambda x: encode(encoder, x)
    decoder.forward = lambda z: decode(decoder, z, size)
    return encoder, decoder


def encode(layers, x):
    x = layers["two"](layers["one"](x).relu()).relu()
    return layers["four"](layers["three"](x.flatten(1)).relu())


def decode(layers, z, size):
    x = layers["three"](layers["four"](z).relu()).relu().view(-1, 32, size, size)
    return layers["one"](layers["two"](x).relu())


class Autoencoder(nn.Module):
    def __init__(self, latent_dim_size, hidden_dim_size, img_size=28):
        super().__init__()
        self.latent_dim_size = latent_dim_size
        self.encoder, self.decoder = coder(latent_dim_size, latent_dim_size, hidden_dim_size, img_size)

    def forward(self, x):
        return self.decoder(self.encoder(x))


def autoencoder_loss(model, img):
    return F.mse_loss(model(img), img)


def vae_kl(mu, logsigma):
    clouds = torch.distributions.Normal(mu, logsigma.exp())
    origin = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    return torch.distributions.kl_divergence(clouds, origin).sum() / len(mu)


def elbo_loss(img, img_reconstructed, mu, logsigma, beta_kl=0.1):
    likelihood = torch.distributions.Normal(img_reconstructed, 0.5**0.5).log_prob(img)
    constant = -0.5 * torch.log(torch.tensor(torch.pi))  # of a normal distribution with variance 1/2
    return (constant - likelihood).sum() / len(img) + beta_kl * vae_kl(mu, logsigma)


class VAE(nn.Module):
    def __init__(self, latent_dim_size, hidden_dim_size, img_size=28):
        super().__init__()
        self.latent_dim_size = latent_dim_size
        self.encoder, self.decoder = coder(latent_dim_size, 2 * latent_dim_size, hidden_dim_size, img_size)

    def sample_latent_vector(self, x):
        out = self.encoder(x)
        mu, logsigma = out[:, : self.latent_dim_size], out[:, self.latent_dim_size :]
        return torch.distributions.Normal(mu, torch.exp(logsigma)).rsample(), mu, logsigma

    def forward(self, x):
        out = self.encoder(x)
        mu, logsigma = out.split(self.latent_dim_size, dim=1)
        epsilon = torch.randn(len(x), self.latent_dim_size)
        return self.decoder(torch.addcmul(mu, logsigma.exp(), epsilon)), mu, logsigma


def create_grid_of_latents(model, interpolation_range=(-1, 1), n_points=11, dims=(0, 1)):
    low, high = interpolation_range
    points = [low + (high - low) * i / (n_points - 1) for i in range(n_points)]
    rows = []
    for a in points:
        for b in points:
            row = [0.0] * model.latent_dim_size
            row[dims[0]], row[dims[1]] = a, b
            rows.append(row)
    return torch.tensor(rows)


class Generator(nn.Module):
    def __init__(self, latent_dim_size=100, img_size=64, img_channels=3, hidden_channels=(128, 256, 512)):
        super().__init__()
        widths = [img_channels, *hidden_channels]
        self.first = img_size >> len(hidden_channels)
        self.project = nn.Linear(latent_dim_size, widths[-1] * self.first**2)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[:0:-1])
        self.convolutions = nn.ModuleList(
            nn.ConvTranspose2d(widths[i], widths[i - 1], 4, 2, 1) for i in range(len(widths) - 1, 0, -1)
        )

    def forward(self, x):
        x = self.project(x).view(len(x), -1, self.first, self.first)
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            x = convolution(F.relu(norm(x)))
        return torch.tanh(x)


class Discriminator(nn.Module):
    def __init__(self, img_size=64, img_channels=3, hidden_channels=(128, 256, 512)):
        super().__init__()
        widths = [img_channels, *hidden_channels]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 4, 2, 1) for before, after in zip(widths, widths[1:], strict=False)
        )
        self.norms = nn.ModuleList([nn.Identity(), *(nn.BatchNorm2d(width) for width in hidden_channels[1:])])
        self.score = nn.Linear(widths[-1] * (img_size >> len(hidden_channels)) ** 2, 1)

    def forward(self, x):
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.leaky_relu(norm(convolution(x)), 0.2)
        return self.score(x.flatten(1))[:, 0].sigmoid()


class DCGAN(nn.Module):
    def __init__(self, latent_dim_size=100, img_size=64, img_channels=3, hidden_channels=(128, 256, 512)):
        super().__init__()
        self.latent_dim_size = latent_dim_size
        self.netG = Generator(latent_dim_size, img_size, img_channels, hidden_channels)
        self.netD = Discriminator(img_size, img_channels, hidden_channels)


@torch.no_grad()
def initialize_weights(model):
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.copy_(0.02 * torch.randn(parameter.shape))
        elif name.endswith("weight"):
            parameter.copy_(1 + 0.02 * torch.randn(parameter.shape))
        else:
            parameter.zero_()


def discriminator_loss(d_real, d_fake):
    return -torch.log(d_real + 1e-8).mean() - torch.log(1 - d_fake + 1e-8).mean()


def generator_loss(d_fake):
    return -torch.log(d_fake + 1e-8).mean()


class DCGANTrainer:
    def __init__(self, model, optD, optG):
        self.model, self.optD, self.optG = model, optD, optG

    def training_step_discriminator(self, img_real, img_fake):
        parameters = list(self.model.netD.parameters())
        loss = discriminator_loss(self.model.netD(img_real), self.model.netD(img_fake))
        for parameter, grad in zip(parameters, torch.autograd.grad(loss, parameters, retain_graph=True), strict=True):
            parameter.grad = grad
        self.optD.step()
        return loss.detach()

    def training_step_generator(self, img_fake):
        self.optG.zero_grad()
        self.model.netD.requires_grad_(False)
        loss = generator_loss(self.model.netD(img_fake))
        loss.backward()
        self.model.netD.requires_grad_(True)
        self.optG.step()
        return loss.detach()
