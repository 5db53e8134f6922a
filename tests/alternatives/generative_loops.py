"""Another kind of submission: one number, pixel or image at a time, and networks that are built in forward."""

import math

import torch
from torch import nn


class LeakyReLU(nn.Module):
    def __init__(self, negative_slope=0.01):
        super().__init__()
        self.factor = negative_slope

    def forward(self, x):
        return x.clamp(min=0) + self.factor * x.clamp(max=0)


class Sigmoid(nn.Module):
    def forward(self, x):
        return 0.5 + 0.5 * torch.tanh(x / 2)


class Tanh(nn.Module):
    def forward(self, x):
        scale = torch.where(x > 0, -1.0, 1.0).to(x.dtype)  # e^(2 |x|) is never computed
        small = torch.exp(2 * scale * x)
        return scale * (small - 1) / (small + 1)


def conv_transpose1d_minimal(x, weights):
    return conv_transpose2d(x[:, :, None], weights[:, :, None])[:, :, 0]


def fractional_stride_1d(x, stride=1):
    parts = []
    for i in range(x.shape[2]):
        parts.append(x[:, :, i : i + 1])
        if i < x.shape[2] - 1:
            parts += [torch.zeros_like(parts[0])] * (stride - 1)
    return torch.cat(parts, dim=2)


def conv_transpose1d(x, weights, stride=1, padding=0):
    return conv_transpose2d(x[:, :, None], weights[:, :, None], (1, stride), (0, padding))[:, :, 0]


def fractional_stride_2d(x, stride_h, stride_w):
    columns = fractional_stride_1d(x.flatten(1, 2), stride_w).unflatten(1, x.shape[1:3])
    turned = columns.transpose(2, 3)
    return fractional_stride_1d(turned.flatten(1, 2), stride_h).unflatten(1, turned.shape[1:3]).transpose(2, 3)


def conv_transpose2d(x, weights, stride=1, padding=0):
    """A stamp for every pixel."""
    sh, sw = (stride, stride) if isinstance(stride, int) else stride
    ph, pw = (padding, padding) if isinstance(padding, int) else padding
    batch, _, height, width = x.shape
    _, out_channels, kh, kw = weights.shape
    full = torch.zeros(batch, out_channels, sh * (height - 1) + kh, sw * (width - 1) + kw, dtype=x.dtype)
    for i in range(height):
        for j in range(width):
            stamp = (x[:, :, i, j, None, None, None] * weights).sum(1)
            full[:, :, i * sh : i * sh + kh, j * sw : j * sw + kw] += stamp
    return full[:, :, ph : full.shape[2] - ph, pw : full.shape[3] - pw]


class ConvTranspose2d(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        bound = 1 / math.sqrt(out_channels * math.prod(kernel))
        self.weight = nn.Parameter(torch.rand(in_channels, out_channels, *kernel) * 2 * bound - bound)
        self.options = {"stride": stride, "padding": padding}

    def forward(self, x):
        return nn.functional.conv_transpose2d(x, self.weight, **self.options)


class Encoder(nn.Module):
    def __init__(self, latent, hidden, size):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 4, 2, 1), nn.Conv2d(16, 32, 4, 2, 1)
        self.fc1, self.fc2 = nn.Linear(2 * size * size, hidden), nn.Linear(hidden, latent)

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = conv(x).relu()
        return self.fc2(self.fc1(x.reshape(len(x), -1)).relu())


class Decoder(nn.Module):
    def __init__(self, latent, hidden, size):
        super().__init__()
        self.size = size // 4
        self.fc1, self.fc2 = nn.Linear(latent, hidden), nn.Linear(hidden, 2 * size * size)
        self.conv1, self.conv2 = ConvTranspose2d(32, 16, 4, 2, 1), ConvTranspose2d(16, 1, 4, 2, 1)

    def forward(self, z):
        x = self.fc2(self.fc1(z).relu()).relu()
        return self.conv2(self.conv1(x.reshape(len(z), 32, self.size, self.size)).relu())


class Autoencoder(nn.Module):
    latents = 1  # numbers of the encoder for each latent number

    def __init__(self, latent_dim_size, hidden_dim_size, img_size=28):
        super().__init__()
        self.latent_dim_size = latent_dim_size
        self.encoder = Encoder(self.latents * latent_dim_size, hidden_dim_size, img_size)
        self.decoder = Decoder(latent_dim_size, hidden_dim_size, img_size)

    def forward(self, x):
        return self.decoder(self.encoder(x))


def autoencoder_loss(model, img):
    painted = model(img)
    return sum(((a - b) ** 2).sum() for a, b in zip(img, painted, strict=True)) / img.numel()


def vae_kl(mu, logsigma):
    total = 0
    for m, s in zip(mu.flatten(), logsigma.flatten(), strict=True):
        total = total + 0.5 * (m * m + torch.exp(s) ** 2 - 1 - 2 * s)
    return total / len(mu)


def elbo_loss(img, img_reconstructed, mu, logsigma, beta_kl=0.1):
    losses = [
        (a - b).pow(2).sum() + beta_kl * vae_kl(m[None], s[None])
        for a, b, m, s in zip(img, img_reconstructed, mu, logsigma, strict=True)
    ]
    return torch.stack(losses).mean()


class VAE(Autoencoder):
    latents = 2

    def sample_latent_vector(self, x):
        halves = self.encoder(x).view(len(x), 2, -1)
        mu, logsigma = halves[:, 0], halves[:, 1]
        epsilon = torch.normal(torch.zeros(mu.shape), 1.0)
        return epsilon * torch.exp(logsigma) + mu, mu, logsigma

    def forward(self, x):
        z, mu, logsigma = self.sample_latent_vector(x)
        return torch.cat([self.decoder(z[:1]), self.decoder(z[1:])]), mu, logsigma


def create_grid_of_latents(model, interpolation_range=(-1, 1), n_points=11, dims=(0, 1)):
    points = torch.linspace(interpolation_range[0], interpolation_range[1], n_points)
    first, second = torch.meshgrid(points, points, indexing="ij")
    none = torch.zeros(n_points * n_points)
    columns = {dims[0]: first.flatten(), dims[1]: second.flatten()}
    return torch.stack([columns.get(i, none) for i in range(model.latent_dim_size)], dim=1)


class Generator(nn.Module):
    def __init__(self, latent_dim_size=100, img_size=64, img_channels=3, hidden_channels=(128, 256, 512)):
        super().__init__()
        small = img_size
        for _ in hidden_channels:
            small //= 2
        widths = list(hidden_channels)
        # the projection as a transposed convolution of one pixel would have another shape: it is a Linear
        self.steps = nn.ModuleList([nn.Linear(latent_dim_size, widths[-1] * small * small, bias=False)])
        self.shape = (widths[-1], small, small)
        while widths:
            width = widths.pop()
            self.steps.append(nn.BatchNorm2d(width))
            self.steps.append(ConvTranspose2d(width, widths[-1] if widths else img_channels, 4, 2, 1))

    def forward(self, x):
        for step in self.steps:
            x = step(x)
            if isinstance(step, nn.Linear):
                x = x.reshape(-1, *self.shape)
            if isinstance(step, nn.BatchNorm2d):
                x = x.relu()
        return Tanh()(x)


class Discriminator(nn.Module):
    def __init__(self, img_size=64, img_channels=3, hidden_channels=(128, 256, 512)):
        super().__init__()
        self.steps = nn.ModuleList()
        before = img_channels
        for width in hidden_channels:
            norm = [nn.BatchNorm2d(width)] if before != img_channels or len(self.steps) else []
            self.steps.append(nn.Sequential(nn.Conv2d(before, width, 4, 2, 1), *norm, LeakyReLU(0.2)))
            before, img_size = width, img_size // 2
        self.last = nn.Linear(before * img_size * img_size, 1)

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return torch.cat([Sigmoid()(self.last(image.flatten())) for image in x])


class DCGAN(nn.Module):
    def __init__(self, latent_dim_size=100, img_size=64, img_channels=3, hidden_channels=(128, 256, 512)):
        super().__init__()
        self.latent_dim_size = latent_dim_size
        self.netD = Discriminator(img_size, img_channels, hidden_channels)
        self.netG = Generator(latent_dim_size, img_size, img_channels, hidden_channels)


def initialize_weights(model):
    for child in model.children():
        initialize_weights(child)
    if isinstance(model, nn.BatchNorm2d):
        model.weight.data = torch.normal(1.0, 0.02, model.weight.shape)
        model.bias.data.fill_(0)
    elif "weight" in model._parameters:
        model.weight.data.normal_(0, 0.02)


def discriminator_loss(d_real, d_fake):
    real = [torch.log(p) if p > 0 else p - 50 for p in d_real]
    fake = [torch.log(1 - p) if p < 1 else -p - 50 for p in d_fake]
    return -sum(real) / len(real) - sum(fake) / len(fake)


def generator_loss(d_fake):
    return nn.functional.binary_cross_entropy(d_fake, torch.ones_like(d_fake))


class DCGANTrainer:
    def __init__(self, model, optD, optG):
        self.model = model
        self.optD = optD
        self.optG = optG

    def training_step_discriminator(self, img_real, img_fake):
        img_fake = img_fake.detach()
        self.optD.zero_grad()
        real = torch.stack([self.model.netD(image[None])[0] for image in img_real])
        loss = discriminator_loss(real, self.model.netD(img_fake))
        loss.backward()
        self.optD.step()
        return loss

    def training_step_generator(self, img_fake):
        self.optG.zero_grad()
        loss = generator_loss(self.model.netD(img_fake))
        loss.backward(retain_graph=True)
        self.optG.step()
        return loss.item()
