# %%
"""A submission as people have it who worked through ARENA: its layout, trainers that load images, main blocks."""

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import einops
import torch as t
import torch.nn as nn
import torchvision
import wandb
from datasets import load_dataset
from einops.layers.torch import Rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import datasets, transforms
from tqdm import tqdm

chapter = "chapter0_fundamentals"
section = "part5_vaes_and_gans"
root_dir = next(p for p in Path.cwd().parents if (p / chapter).exists())
exercises_dir = root_dir / chapter / "exercises"
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part5_vaes_and_gans.tests as tests
import part5_vaes_and_gans.utils as utils
from part2_cnns.solutions import BatchNorm2d, Conv2d, Linear, ReLU, Sequential, force_pair
from part2_cnns.utils import print_param_count
from plotly_utils import imshow

device = t.device("mps" if t.backends.mps.is_available() else "cuda" if t.cuda.is_available() else "cpu")

MAIN = __name__ == "__main__"


# %%
class Tanh(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * t.stack([x, -x]).softmax(0)[0] - 1


if MAIN:
    tests.test_Tanh(Tanh)


class LeakyReLU(nn.Module):
    def __init__(self, negative_slope: float = 0.01):
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return t.maximum(x, x * self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class Sigmoid(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        # two ways, each for its half; the other half is kept away from overflowing
        positive = x > 0
        a = t.exp(-t.where(positive, x, t.zeros_like(x)))
        b = t.exp(t.where(positive, t.zeros_like(x), x))
        return t.where(positive, 1 / (1 + a), b / (1 + b))


# %%
def conv_transpose1d_minimal(
    x: Float[Tensor, "batch in_channels width"], weights: Float[Tensor, "in_channels out_channels kernel_width"]
) -> Float[Tensor, "batch out_channels output_width"]:
    batch, in_channels, width = x.shape
    in_channels_2, out_channels, kernel_width = weights.shape
    assert in_channels == in_channels_2, "in_channels for x and weights don't match up"
    x_padded = nn.functional.pad(x, (kernel_width - 1, kernel_width - 1))
    x_strided = x_padded.unfold(2, kernel_width, 1)
    return einops.einsum(x_strided, weights.flip(-1), "b ic ow kw, ic oc kw -> b oc ow")


def fractional_stride_1d(x, stride: int = 1):
    batch, in_channels, width = x.shape
    width_new = width + (stride - 1) * (width - 1)
    x_new_shape = (batch, in_channels, width_new)
    x_new = t.zeros(size=x_new_shape, dtype=x.dtype, device=x.device)
    x_new[..., ::stride] = x
    return x_new


def conv_transpose1d(x, weights, stride: int = 1, padding: int = 0):
    x_spaced_out = fractional_stride_1d(x, stride)
    pad_amount = weights.shape[2] - 1 - padding
    assert pad_amount >= 0, "total amount padded should be positive"
    padded = nn.functional.pad(x_spaced_out, (pad_amount, pad_amount))
    return nn.functional.conv1d(padded, einops.rearrange(weights.flip(-1), "i o w -> o i w"))


def fractional_stride_2d(x, stride_h: int, stride_w: int):
    batch, in_channels, height, width = x.shape
    x_new = t.zeros(
        size=(batch, in_channels, height + (stride_h - 1) * (height - 1), width + (stride_w - 1) * (width - 1)),
        dtype=x.dtype,
    )
    x_new[..., ::stride_h, ::stride_w] = x
    return x_new


def conv_transpose2d(x, weights, stride=1, padding=0):
    stride_h, stride_w = force_pair(stride)
    padding_h, padding_w = force_pair(padding)
    ic, oc, kh, kw = weights.shape
    x_spaced_out = fractional_stride_2d(x, stride_h, stride_w)
    pad_h, pad_w = kh - 1 - padding_h, kw - 1 - padding_w
    padded = nn.functional.pad(x_spaced_out, (pad_w, pad_w, pad_h, pad_h))
    windows = padded.unfold(2, kh, 1).unfold(3, kw, 1)
    return einops.einsum(windows, weights.flip(-1, -2), "b ic oh ow kh kw, ic oc kh kw -> b oc oh ow")


class ConvTranspose2d(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel_size, stride=1, padding=0):
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = force_pair(kernel_size)
        self.stride = stride
        self.padding = padding
        kernel_size = force_pair(kernel_size)
        sf = 1 / (self.out_channels * kernel_size[0] * kernel_size[1]) ** 0.5
        self.weight = nn.Parameter(sf * (2 * t.rand(in_channels, out_channels, *kernel_size) - 1))

    def forward(self, x: Tensor) -> Tensor:
        return conv_transpose2d(x, self.weight, self.stride, self.padding)


if MAIN:
    tests.test_ConvTranspose2d(ConvTranspose2d)


# %%
def get_dataset(dataset: Literal["MNIST", "CELEB"], train: bool = True) -> Dataset:
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    return datasets.MNIST(root=exercises_dir / "part5_vaes_and_gans/data", transform=transform, download=True)


class Autoencoder(nn.Module):
    def __init__(self, latent_dim_size: int, hidden_dim_size: int, img_size: int = 28):
        super().__init__()
        self.latent_dim_size = latent_dim_size
        self.hidden_dim_size = hidden_dim_size
        s = img_size // 4
        self.encoder = Sequential(
            Conv2d(1, 16, 4, stride=2, padding=1),
            ReLU(),
            Conv2d(16, 32, 4, stride=2, padding=1),
            ReLU(),
            Rearrange("b c h w -> b (c h w)"),
            Linear(s * s * 32, hidden_dim_size),
            ReLU(),
            Linear(hidden_dim_size, latent_dim_size),
        )
        self.decoder = nn.Sequential(
            Linear(latent_dim_size, hidden_dim_size),
            ReLU(),
            Linear(hidden_dim_size, s * s * 32),
            ReLU(),
            Rearrange("b (c h w) -> b c w h", c=32, h=s, w=s),
            ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            ReLU(),
            ConvTranspose2d(16, 1, 4, stride=2, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


@dataclass
class AutoencoderArgs:
    latent_dim_size: int = 5
    hidden_dim_size: int = 128
    dataset: Literal["MNIST", "CELEB"] = "MNIST"
    batch_size: int = 512
    lr: float = 1e-3
    betas: tuple[float, float] = (0.5, 0.999)
    use_wandb: bool = True


def autoencoder_loss(model, img):
    return nn.MSELoss()(img, model(img))


class AutoencoderTrainer:
    def __init__(self, args: AutoencoderArgs):
        self.args = args
        self.trainset = get_dataset(args.dataset)
        self.trainloader = DataLoader(self.trainset, batch_size=args.batch_size, shuffle=True)
        self.model = Autoencoder(latent_dim_size=args.latent_dim_size, hidden_dim_size=args.hidden_dim_size).to(device)
        self.optimizer = t.optim.Adam(self.model.parameters(), lr=args.lr, betas=args.betas)

    def training_step(self, img: Tensor) -> Tensor:
        loss = autoencoder_loss(self.model, img)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss


if MAIN:
    args = AutoencoderArgs(use_wandb=False)
    trainer = AutoencoderTrainer(args)
    for epoch in range(3):
        for img, _ in tqdm(trainer.trainloader):
            trainer.training_step(img.to(device))


# %%
def create_grid_of_latents(
    model, interpolation_range=(-1, 1), n_points=11, dims=(0, 1)
) -> Float[Tensor, "rows_x_cols latent_dims"]:
    grid_latent = t.zeros(n_points, n_points, model.latent_dim_size, device=device)
    x = t.linspace(*interpolation_range, n_points)
    grid_latent[..., dims[0]] = x.unsqueeze(-1)
    grid_latent[..., dims[1]] = x
    return grid_latent.flatten(0, 1)


class VAE(nn.Module):
    encoder: nn.Module
    decoder: nn.Module

    def __init__(self, latent_dim_size: int, hidden_dim_size: int, img_size: int = 28):
        super().__init__()
        self.latent_dim_size = latent_dim_size
        self.hidden_dim_size = hidden_dim_size
        s = img_size // 4
        self.encoder = Sequential(
            Conv2d(1, 16, 4, stride=2, padding=1, bias=False),
            ReLU(),
            Conv2d(16, 32, 4, stride=2, padding=1, bias=False),
            ReLU(),
            Rearrange("b c h w -> b (c h w)"),
            Linear(s * s * 32, hidden_dim_size),
            ReLU(),
            Linear(hidden_dim_size, latent_dim_size * 2),
            Rearrange("b (n latent_dim) -> n b latent_dim", n=2),
        )
        self.decoder = nn.Sequential(
            Linear(latent_dim_size, hidden_dim_size),
            ReLU(),
            Linear(hidden_dim_size, s * s * 32),
            ReLU(),
            Rearrange("b (c h w) -> b c h w", c=32, h=s, w=s),
            ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            ReLU(),
            ConvTranspose2d(16, 1, 4, stride=2, padding=1),
        )

    def sample_latent_vector(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logsigma = self.encoder(x)
        sigma = t.exp(logsigma)
        z = mu + sigma * t.randn_like(sigma)
        return z, mu, logsigma

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z, mu, logsigma = self.sample_latent_vector(x)
        x_prime = self.decoder(z)
        return x_prime, mu, logsigma


if MAIN:
    model = VAE(latent_dim_size=5, hidden_dim_size=100)
    utils.visualise_output(model, create_grid_of_latents(model), title="VAE latent space")


def vae_kl(mu, logsigma):
    return (0.5 * (mu**2 + t.exp(2 * logsigma) - 1) - logsigma).sum(-1).mean(0)


def elbo_loss(img, img_reconstructed, mu, logsigma, beta_kl=0.1):
    reconstruction_loss = nn.MSELoss(reduction="sum")(img, img_reconstructed) / len(img)
    kl_div_loss = vae_kl(mu, logsigma) * beta_kl
    return reconstruction_loss + kl_div_loss


# %%
class Generator(nn.Module):
    def __init__(
        self,
        latent_dim_size: int = 100,
        img_size: int = 64,
        img_channels: int = 3,
        hidden_channels: list[int] = [128, 256, 512],
    ):
        n_layers = len(hidden_channels)
        assert img_size % (2**n_layers) == 0, "activation size must double at each layer"
        super().__init__()
        hidden_channels = hidden_channels[::-1]
        self.latent_dim_size = latent_dim_size
        self.img_size = img_size
        first_height = img_size // (2**n_layers)
        first_size = hidden_channels[0] * (first_height**2)
        self.project_and_reshape = Sequential(
            Linear(latent_dim_size, first_size, bias=False),
            Rearrange("b (ic h w) -> b ic h w", h=first_height, w=first_height),
            BatchNorm2d(hidden_channels[0]),
            ReLU(),
        )
        in_channels = hidden_channels
        out_channels = hidden_channels[1:] + [img_channels]
        conv_layer_list = []
        for i, (c_in, c_out) in enumerate(zip(in_channels, out_channels)):
            conv_layer = [ConvTranspose2d(c_in, c_out, 4, 2, 1), ReLU() if i < n_layers - 1 else Tanh()]
            if i < n_layers - 1:
                conv_layer.insert(1, BatchNorm2d(c_out))
            conv_layer_list.append(Sequential(*conv_layer))
        self.hidden_layers = Sequential(*conv_layer_list)

    def forward(self, x: Tensor) -> Tensor:
        x = self.project_and_reshape(x)
        return self.hidden_layers(x)


class Discriminator(nn.Module):
    def __init__(self, img_size: int = 64, img_channels: int = 3, hidden_channels: list[int] = [128, 256, 512]):
        n_layers = len(hidden_channels)
        super().__init__()
        in_channels = [img_channels] + hidden_channels[:-1]
        conv_layer_list = []
        for i, (c_in, c_out) in enumerate(zip(in_channels, hidden_channels)):
            conv_layer = [Conv2d(c_in, c_out, 4, 2, 1), LeakyReLU(0.2)]
            if i > 0:
                conv_layer.insert(1, BatchNorm2d(c_out))
            conv_layer_list.append(Sequential(*conv_layer))
        self.hidden_layers = Sequential(*conv_layer_list)
        final_height = img_size // (2**n_layers)
        final_size = hidden_channels[-1] * (final_height**2)
        self.classifier = Sequential(
            Rearrange("b c h w -> b (c h w)"),
            Linear(final_size, 1, bias=False),
            Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.hidden_layers(x)
        x = self.classifier(x)
        return x.squeeze(dim=1)


class DCGAN(nn.Module):
    netD: Discriminator
    netG: Generator

    def __init__(
        self,
        latent_dim_size: int = 100,
        img_size: int = 64,
        img_channels: int = 3,
        hidden_channels: list[int] = [128, 256, 512],
    ):
        super().__init__()
        self.latent_dim_size = latent_dim_size
        self.img_size = img_size
        self.img_channels = img_channels
        self.hidden_channels = hidden_channels
        self.netD = Discriminator(img_size, img_channels, hidden_channels)
        self.netG = Generator(latent_dim_size, img_size, img_channels, hidden_channels)


if MAIN:
    print_param_count(Generator(), Discriminator())


def initialize_weights(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, (ConvTranspose2d, Conv2d, Linear)):
            nn.init.normal_(module.weight.data, 0.0, 0.02)
        elif isinstance(module, BatchNorm2d):
            nn.init.normal_(module.weight.data, 1.0, 0.02)
            nn.init.constant_(module.bias.data, 0.0)


if MAIN:
    tests.test_initialize_weights(initialize_weights, ConvTranspose2d, Conv2d, Linear, BatchNorm2d)


# %%
@dataclass
class DCGANArgs:
    latent_dim_size: int = 100
    hidden_channels: list[int] = field(default_factory=lambda: [128, 256, 512])
    dataset: Literal["MNIST", "CELEB"] = "CELEB"
    batch_size: int = 64
    epochs: int = 3
    lr: float = 0.0002
    betas: tuple[float, float] = (0.5, 0.999)
    clip_grad_norm: float | None = 1.0
    use_wandb: bool = False


def discriminator_loss(d_real, d_fake):
    return nn.BCELoss()(d_real, t.ones_like(d_real)) + nn.BCELoss()(d_fake, t.zeros_like(d_fake))


def generator_loss(d_fake):
    return nn.BCELoss()(d_fake, t.ones_like(d_fake))


class DCGANTrainer:
    def __init__(self, args: DCGANArgs):
        self.args = args
        self.trainset = get_dataset(self.args.dataset)
        self.trainloader = DataLoader(self.trainset, batch_size=args.batch_size, shuffle=True, num_workers=8)
        self.model = DCGAN(args.latent_dim_size, 64, 3, args.hidden_channels).to(device).train()
        self.optG = t.optim.Adam(self.model.netG.parameters(), lr=args.lr, betas=args.betas)
        self.optD = t.optim.Adam(self.model.netD.parameters(), lr=args.lr, betas=args.betas)

    def training_step_discriminator(self, img_real: Tensor, img_fake: Tensor) -> Tensor:
        self.optD.zero_grad()
        D_x = self.model.netD(img_real)
        D_G_z = self.model.netD(img_fake.detach())
        lossD = -(t.log(D_x).mean() + t.log(1 - D_G_z).mean())
        lossD.backward()
        if self.args.clip_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.model.netD.parameters(), self.args.clip_grad_norm)
        self.optD.step()
        if self.args.use_wandb:
            wandb.log(dict(lossD=lossD), step=self.step)
        return lossD

    def training_step_generator(self, img_fake: Tensor) -> Tensor:
        self.optG.zero_grad()
        D_G_z = self.model.netD(img_fake)
        lossG = -(t.log(D_G_z).mean())
        lossG.backward()
        if self.args.clip_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.model.netG.parameters(), self.args.clip_grad_norm)
        self.optG.step()
        if self.args.use_wandb:
            wandb.log(dict(lossG=lossG), step=self.step)
        return lossG

    def train(self) -> DCGAN:
        self.step = 0
        for epoch in range(self.args.epochs):
            for img_real, label in tqdm(self.trainloader, total=len(self.trainloader)):
                noise = t.randn(self.args.batch_size, self.args.latent_dim_size).to(device)
                img_fake = self.model.netG(noise)
                self.training_step_discriminator(img_real.to(device), img_fake.detach())
                self.training_step_generator(img_fake)
                self.step += 1
        return self.model


if MAIN:
    args = DCGANArgs()
    trainer = DCGANTrainer(args)
    dcgan = trainer.train()
    imshow(dcgan.netG(t.randn(5, 100))[0])
