"""Generative models: networks that make images instead of judging them.

You begin with what such networks are built of, activations and the transposed convolution, which makes a small image
larger. Then come two ways to make images out of a few random numbers: the variational autoencoder, which learns to
compress images and to draw new ones, and the generative adversarial network, in which a forger and a detective train
each other. Names are those of PyTorch wherever it has the same thing; use anything of torch.nn that helps you.

Where an exercise lists layers, the grader fills your network with weights in the order in which these are registered
(which is that of state_dict()), each by its kind and shape. Submodules may have names of your own, if the text names
none; their order may not differ. Convolutions may have a bias or do without one: the grader sets it to zero.
"""

# %% Setup
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

Pair = tuple[int, int]
IntOrPair = int | Pair  # one number for both axes, or (height, width)

SMALLEST = 1e-12  # take no logarithm of a probability below this one


def force_pair(v: IntOrPair) -> Pair:
    """(v, v) for a number, and v itself for a pair."""
    return v if isinstance(v, tuple) else (v, v)


# %% Activations
# An activation is applied to each number by itself. Beware of the exponential: in single precision exp(89) is already
# infinite, and infinity divided by infinity is NaN. Every NaN spreads through all that is computed from it, also as a
# gradient. torch.logaddexp(a, b) is log(exp(a) + exp(b)), computed without going through large numbers.
class Softplus(nn.Module):
    """The smooth rectifier: log(1 + e^x), elementwise. This one is done for you; read it before you write the next.

    >>> Softplus()(torch.tensor([0.0, 1000.0]))
    tensor([6.9315e-01, 1.0000e+03])
    """

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """A new tensor, shape of x. 1 is e^0."""
        return torch.logaddexp(torch.zeros_like(x), x)


class LeakyReLU(nn.Module):
    """A rectifier that lets a small part of negative numbers through, so that their gradient never is zero.

        out = x where x is positive, negative_slope · x elsewhere

    >>> LeakyReLU(0.5)(torch.tensor([-2.0, 3.0]))
    tensor([-1.,  3.])

    Source: Maas et al. (2013), "Rectifier Nonlinearities Improve Neural Network Acoustic Models", equation 2.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        """Remember the slope, a number from 0 to 1. It is 0.01 unless another is given."""
        raise NotImplementedError("LeakyReLU.__init__")

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """A new tensor, shape of x; x stays, and the gradient comes through."""
        raise NotImplementedError("LeakyReLU.forward")


class Sigmoid(nn.Module):
    """Squeezes any number into a probability: 1 / (1 + e^(-x)), elementwise.

    Value and gradient have to be right for large numbers of either sign too, where both e^x and e^(-x) may overflow.

    >>> Sigmoid()(torch.tensor([0.0, 1000.0]))
    tensor([0.5000, 1.0000])
    """

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """A new tensor, shape of x."""
        raise NotImplementedError("Sigmoid.forward")


class Tanh(nn.Module):
    """Squeezes any number to between -1 and 1: (e^x - e^(-x)) / (e^x + e^(-x)), elementwise.

    Value and gradient have to be right, for large numbers too. It is a sigmoid in disguise: see what 1 + tanh(x) is.

    >>> Tanh()(torch.tensor([0.0, -1000.0]))
    tensor([ 0., -1.])
    """

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """A new tensor, shape of x."""
        raise NotImplementedError("Tanh.forward")


# %% Transposed convolution
# A convolution adds up a window of its input, weighted by the kernel, and so makes images smaller. Its transpose goes
# the other way: each number of the input lays down a copy of the kernel, multiplied by that number, and copies add up
# where they overlap. It is what carries gradients back through a convolution, so it is not its inverse. Nor is it hard:
# an ordinary convolution does it, if the input is prepared for it. Use conv1d, conv2d and pad of nn.functional.
def conv_transpose1d_minimal(
    x: Float[Tensor, "batch in_channels width"], weights: Float[Tensor, "in_channels out_channels kernel_width"]
) -> Float[Tensor, "batch out_channels output_width"]:
    """Transposed convolution along a row with channels, where copies of the kernel stand one step apart.

        out[b, o, i + k] = sum of x[b, c, i] weights[c, o, k], over all c, i and k that meet there

    Input channels come first in weights: they are those of a convolution that goes back from out to x. The output is
    wider than x by kernel_width - 1. Gradients flow to both arguments.

    >>> conv_transpose1d_minimal(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[10.0, 1.0, 0.0]]]))
    tensor([[[10., 21.,  2.,  0.]]])

    Source: Dumoulin and Visin (2016), "A guide to convolution arithmetic for deep learning", section 4.2;
    torch.nn.functional.conv_transpose1d.
    """
    raise NotImplementedError("conv_transpose1d_minimal")


def fractional_stride_1d(
    x: Float[Tensor, "batch in_channels width"], stride: int = 1
) -> Float[Tensor, "batch in_channels output_width"]:
    """A new tensor with stride - 1 zeros between neighbours along the width, none before the first or after the last.

    A stride of 1, the default, changes nothing.

    >>> fractional_stride_1d(torch.tensor([[[1.0, 2.0, 3.0]]]), 3)
    tensor([[[1., 0., 0., 2., 0., 0., 3.]]])

    Source: Dumoulin and Visin (2016), section 4.4.
    """
    raise NotImplementedError("fractional_stride_1d")


def conv_transpose1d(
    x: Float[Tensor, "batch in_channels width"],
    weights: Float[Tensor, "in_channels out_channels kernel_width"],
    stride: int = 1,
    padding: int = 0,
) -> Float[Tensor, "batch out_channels output_width"]:
    """Transposed convolution: copies of the kernel stand `stride` apart, and `padding` numbers go at each end.

        full[b, o, stride · i + k] = sum of x[b, c, i] weights[c, o, k], over all c, i and k that meet there
        out = full without its first `padding` and its last `padding` numbers

    The names are those of the convolution that goes back: that one strides, and pads. So here stride makes the output
    wider and padding makes it narrower. padding is less than kernel_width. Unless they are given, stride is 1 and
    padding 0.

    >>> conv_transpose1d(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[10.0, 1.0, 0.0]]]), stride=2, padding=1)
    tensor([[[ 1., 20.,  2.]]])

    Source: Dumoulin and Visin (2016), section 4.6; torch.nn.functional.conv_transpose1d.
    """
    raise NotImplementedError("conv_transpose1d")


def fractional_stride_2d(
    x: Float[Tensor, "batch in_channels height width"], stride_h: int, stride_w: int
) -> Float[Tensor, "batch in_channels output_height output_width"]:
    """The same for images: stride_h - 1 rows of zeros between rows, stride_w - 1 columns of zeros between columns.

    >>> fractional_stride_2d(torch.ones(1, 1, 2, 2), 1, 2).tolist()
    [[[[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]]]
    """
    raise NotImplementedError("fractional_stride_2d")


def conv_transpose2d(
    x: Float[Tensor, "batch in_channels height width"],
    weights: Float[Tensor, "in_channels out_channels kernel_height kernel_width"],
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
) -> Float[Tensor, "batch out_channels output_height output_width"]:
    """Transposed convolution of images. A pair is (height, width); force_pair above makes one of a number.

    With a kernel of 4 x 4, a stride of 2 and a padding of 1 the image becomes exactly twice as large. Unless they are
    given, stride is 1 and padding 0. Gradients flow to x and weights.

    Source: torch.nn.functional.conv_transpose2d.
    """
    raise NotImplementedError("conv_transpose2d")


class ConvTranspose2d(nn.Module):
    """Transposed convolution of images with a learned kernel and without a bias. It learns how to enlarge an image."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair = 0,
    ) -> None:
        """Make the parameter `weight`, shape (in_channels, out_channels, kernel_height, kernel_width).

        It starts uniformly distributed between ±1/sqrt(out_channels · kernel_height · kernel_width), and is the only
        parameter. Stride and padding are those of conv_transpose2d, 1 and 0 unless others are given.

        Source: torch.nn.ConvTranspose2d.
        """
        raise NotImplementedError("ConvTranspose2d.__init__")

    def forward(self, x: Float[Tensor, "batch in_channels height width"]) -> Tensor:
        """The transposed convolution, shape (batch, out_channels, output_height, output_width)."""
        raise NotImplementedError("ConvTranspose2d.forward")


# %% Autoencoders
# An autoencoder has to say in a few numbers, the latent vector, what an image looks like, and to paint it again from
# these alone. From here on use your own ConvTranspose2d or nn.ConvTranspose2d, as you like.
class Autoencoder(nn.Module):
    """Compresses images of one channel to latent vectors, and decompresses them. s is img_size / 4.

        encoder: Conv 4x4 from 1 to 16 channels (stride 2, padding 1), ReLU, Conv 4x4 from 16 to 32 channels (stride 2,
                 padding 1), ReLU, flatten to (batch, 32 · s · s), Linear to hidden_dim_size, ReLU, Linear to
                 latent_dim_size
        decoder: the way back: Linear to hidden_dim_size, ReLU, Linear to 32 · s · s, ReLU, shape (batch, 32, s, s),
                 ConvTranspose 4x4 to 16 channels (stride 2, padding 1), ReLU, ConvTranspose 4x4 to 1 channel (stride 2,
                 padding 1)

    Linear layers have a bias. Nothing follows the last layer of either: latent numbers and pixels may have any sign.
    """

    def __init__(self, latent_dim_size: int, hidden_dim_size: int, img_size: int = 28) -> None:
        """Make the submodules `encoder` and `decoder`, in this order, and keep latent_dim_size as an attribute.

        Args:
            latent_dim_size: how many numbers an image is compressed to.
            hidden_dim_size: width of the linear layers in between.
            img_size: height and width of the images, a multiple of 4: 28 for MNIST, 8 for the digits of scikit-learn.
        """
        raise NotImplementedError("Autoencoder.__init__")

    def forward(self, x: Float[Tensor, "batch 1 size size"]) -> Float[Tensor, "batch 1 size size"]:
        """The images, painted again from their latent vectors."""
        raise NotImplementedError("Autoencoder.forward")


def autoencoder_loss(model: nn.Module, img: Float[Tensor, "batch channels height width"]) -> Float[Tensor, ""]:
    """How badly the model paints the images again: the squared error, averaged over all pixels of all images.

    Args:
        model: returns a reconstruction of its input, shape of img.
        img: the images.

    Returns:
        The loss, a tensor without axes that belongs to the graph.
    """
    raise NotImplementedError("autoencoder_loss")


# %% Variational autoencoders
# Between the latent vectors of an autoencoder there may be nothing but noise, so there is no way to make new images. A
# VAE encodes an image as a small cloud of latent vectors, a normal distribution of its own, and is paid for keeping all
# clouds together near the origin. Then whatever is drawn around the origin decodes to something like an image.
def vae_kl(mu: Float[Tensor, "batch latent"], logsigma: Float[Tensor, "batch latent"]) -> Float[Tensor, ""]:
    """The divergence of the clouds N(mu, sigma^2) from N(0, 1): summed over the latent axis, then averaged over images.

        KL = mean over images of sum_i (mu_i^2 + sigma_i^2 - 1) / 2 - log sigma_i

    logsigma is the logarithm of the standard deviation sigma, not of the variance. KL is zero where mu = 0 and
    sigma = 1, and positive everywhere else. Gradients flow to both arguments.

    >>> vae_kl(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2))
    tensor(2.5000)

    Source: Kingma and Welling (2013), "Auto-Encoding Variational Bayes", appendix B.
    """
    raise NotImplementedError("vae_kl")


def elbo_loss(
    img: Float[Tensor, "batch channels height width"],
    img_reconstructed: Float[Tensor, "batch channels height width"],
    mu: Float[Tensor, "batch latent"],
    logsigma: Float[Tensor, "batch latent"],
    beta_kl: float = 0.1,
) -> Float[Tensor, ""]:
    """What a VAE minimises: the squared error of its reconstruction and, beta_kl times, the divergence of its clouds.

        loss = mean over images of (sum over channels and pixels of (img - img_reconstructed)^2) + beta_kl · KL

    Both terms are those of a whole image: a KL that is summed over the latent axis would crush an error that is
    averaged over pixels. Up to the sign, a factor and a constant, this is the evidence lower bound (ELBO) for pixels
    with normally distributed noise of variance beta_kl / 2. beta_kl is 0.1 unless another is given. Gradients flow to
    all but img.

    Source: Kingma and Welling (2013), equation 3; Higgins et al. (2017), "beta-VAE", equation 4.
    """
    raise NotImplementedError("elbo_loss")


class VAE(nn.Module):
    """An autoencoder whose latent vectors are random. Its layers are those of Autoencoder but for one.

    The last layer of the encoder has 2 · latent_dim_size outputs for each image: first the means mu of the cloud, then
    the logarithms logsigma of its standard deviations.

    Source: Kingma and Welling (2013), section 3.
    """

    def __init__(self, latent_dim_size: int, hidden_dim_size: int, img_size: int = 28) -> None:
        """Make the submodules `encoder` and `decoder`, in this order, and keep latent_dim_size as an attribute.

        img_size is that of Autoencoder.
        """
        raise NotImplementedError("VAE.__init__")

    def sample_latent_vector(
        self, x: Float[Tensor, "batch 1 size size"]
    ) -> tuple[Float[Tensor, "batch latent"], Float[Tensor, "batch latent"], Float[Tensor, "batch latent"]]:
        """Draw a latent vector for each image from its cloud: z = mu + sigma · epsilon, with epsilon from N(0, 1).

        Every number of z has an epsilon of its own. Written like this, z depends on mu and sigma in a way that has a
        gradient, which a draw from N(mu, sigma^2) has not: the reparametrisation trick.

        Returns:
            z, mu and logsigma, each of shape (batch, latent_dim_size). Gradients flow from z to both of the others.

        Source: Kingma and Welling (2013), section 2.4.
        """
        raise NotImplementedError("VAE.sample_latent_vector")

    def forward(
        self, x: Float[Tensor, "batch 1 size size"]
    ) -> tuple[Float[Tensor, "batch 1 size size"], Float[Tensor, "batch latent"], Float[Tensor, "batch latent"]]:
        """Draw latent vectors and decode them.

        Returns:
            The reconstruction, mu and logsigma.
        """
        raise NotImplementedError("VAE.forward")


def create_grid_of_latents(
    model: nn.Module,
    interpolation_range: tuple[float, float] = (-1, 1),
    n_points: int = 11,
    dims: Pair = (0, 1),
) -> Float[Tensor, "n_points*n_points latent"]:
    """Latent vectors on a square grid in two dimensions of the latent space, zero in all others.

    Decoded and laid out row by row, they show what the two dimensions mean: the number at dims[0] is the same along a
    row of the grid and grows from row to row; that at dims[1] grows along each row. By default 11 x
    11 points from -1 to 1 in the first two dimensions.

    Args:
        model: an autoencoder, of which only the attribute latent_dim_size is asked.
        interpolation_range: the first and the last of n_points numbers at equal distances.
        n_points: how many rows and columns the grid has.
        dims: two different dimensions.

    Returns:
        The latent vectors, one row after the other, shape (n_points · n_points, latent_dim_size), float32.

    >>> create_grid_of_latents(Autoencoder(3, 4), (1, 2), n_points=2, dims=(0, 2))
    tensor([[1., 0., 1.],
            [1., 0., 2.],
            [2., 0., 1.],
            [2., 0., 2.]])
    """
    raise NotImplementedError("create_grid_of_latents")


# %% Generative adversarial networks
# The generator makes images out of noise. The discriminator says for an image how probable it is that it is real. They
# play against each other, and each gets better by what the other can do. Layers before a batch norm need no bias, as it
# takes the mean away. In both networks, linear layers may have a bias or not, as convolutions may.
class Generator(nn.Module):
    """Makes images out of noise: few pixels with many channels become twice as many rows and columns at a time.

    hidden_channels are listed from the image inwards, so here the last comes first. With n of them and
    first = img_size / 2^n:

        Linear from latent_dim_size to hidden_channels[-1] · first · first, shape (batch, hidden_channels[-1], first,
        first), BatchNorm, ReLU
        for each next channel, the next to last of hidden_channels first:
            ConvTranspose 4x4 to it (stride 2, padding 1), BatchNorm, ReLU
        ConvTranspose 4x4 to img_channels (stride 2, padding 1), Tanh

    Batch norms are nn.BatchNorm2d or your own. There is none after the last convolution: it could not choose how bright
    an image is. By default, images of 3 x 64 x 64 out of 100 numbers.

    Source: Radford et al. (2015), "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", section 3 and figure 1.
    """

    def __init__(
        self,
        latent_dim_size: int = 100,
        img_size: int = 64,
        img_channels: int = 3,
        hidden_channels: Sequence[int] = (128, 256, 512),
    ) -> None:
        """Make the layers, in the order of the data. hidden_channels is a list or a tuple, and stays as it is."""
        raise NotImplementedError("Generator.__init__")

    def forward(self, x: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels size size"]:
        """Images with pixels from -1 to 1."""
        raise NotImplementedError("Generator.forward")


class Discriminator(nn.Module):
    """Says how probable it is that an image is real: the mirror image of the generator.

        Conv 4x4 from img_channels to hidden_channels[0] (stride 2, padding 1), LeakyReLU
        for each next of hidden_channels:
            Conv 4x4 to it (stride 2, padding 1), BatchNorm, LeakyReLU
        flatten, Linear to 1, Sigmoid

    The LeakyReLUs have a negative slope of 0.2. There is no batch norm after the first convolution: it would hide how
    bright the images are. By default for images of 3 x 64 x 64.

    Source: Radford et al. (2015), section 3.
    """

    def __init__(
        self, img_size: int = 64, img_channels: int = 3, hidden_channels: Sequence[int] = (128, 256, 512)
    ) -> None:
        """Make the layers, in the order of the data."""
        raise NotImplementedError("Discriminator.__init__")

    def forward(self, x: Float[Tensor, "batch channels size size"]) -> Float[Tensor, " batch"]:
        """Probabilities, one for each image, also where there is a single one."""
        raise NotImplementedError("Discriminator.forward")


class DCGAN(nn.Module):
    """Both networks together, made for the same images."""

    def __init__(
        self,
        latent_dim_size: int = 100,
        img_size: int = 64,
        img_channels: int = 3,
        hidden_channels: Sequence[int] = (128, 256, 512),
    ) -> None:
        """Make the submodules `netD`, a Discriminator, and `netG`, a Generator, and keep latent_dim_size.

        The defaults are those of both.
        """
        raise NotImplementedError("DCGAN.__init__")


def initialize_weights(model: nn.Module) -> None:
    """Draw all weights of a model anew, in place, as the authors of DCGAN did.

    Of linear layers, convolutions and transposed convolutions, weight is drawn from a normal distribution with mean 0
    and standard deviation 0.02. Of batch norms, weight is drawn with mean 1 and standard deviation 0.02, and bias is
    zero. Modules may stand at any depth, as in DCGAN. Running averages stay as they are; other biases are up to you.

    Args:
        model: built of Linear, Conv2d, ConvTranspose2d and BatchNorm2d of torch.nn, or of your own classes under these
            names.

    Source: Radford et al. (2015), section 4.
    """
    raise NotImplementedError("initialize_weights")


def discriminator_loss(d_real: Float[Tensor, " real"], d_fake: Float[Tensor, " fake"]) -> Float[Tensor, ""]:
    """What the discriminator minimises: it wants to say 1 of real images and 0 of fake ones.

        loss = -mean(log d_real) - mean(log(1 - d_fake))

    A discriminator that is quite sure and wrong says exactly 0 or 1, in single precision. The loss is to stay finite
    then, whatever (large) number it is; SMALLEST above is one way.

    Args:
        d_real: what the discriminator said of real images, probabilities.
        d_fake: what it said of fake ones; there may be more or fewer of them.

    Gradients flow to both arguments.

    >>> discriminator_loss(torch.tensor([0.5, 0.5]), torch.tensor([0.5]))
    tensor(1.3863)

    Source: Goodfellow et al. (2014), "Generative Adversarial Nets", equation 1.
    """
    raise NotImplementedError("discriminator_loss")


def generator_loss(d_fake: Float[Tensor, " fake"]) -> Float[Tensor, ""]:
    """What the generator minimises: it wants its images to be taken for real.

        loss = -mean(log d_fake)

    The game as such would have it minimise mean(log(1 - d_fake)). This has the same goal, but hardly any gradient where
    the discriminator sees through every fake, as it does at first. The loss stays finite at zero, and so does its
    gradient. Gradients flow to d_fake.

    >>> generator_loss(torch.tensor([0.5, 0.5]))
    tensor(0.6931)

    Source: Goodfellow et al. (2014), section 3.
    """
    raise NotImplementedError("generator_loss")


class DCGANTrainer:
    """Takes turns: a step of the discriminator on real and fake images, then one of the generator on the same fakes.

        noise = torch.randn(batch, latent_dim_size)
        img_fake = trainer.model.netG(noise)
        trainer.training_step_discriminator(img_real, img_fake)
        trainer.training_step_generator(img_fake)

    Optimizers have zero_grad() and step(), as those of torch.optim. Generator steps leave gradients behind in the
    discriminator, which must not count in its next step.

    Source: Goodfellow et al. (2014), Algorithm 1, with one step of each.
    """

    def __init__(self, model: nn.Module, optD, optG) -> None:
        """Keep `model`, with its networks `netD` and `netG`, and an optimizer for the parameters of each."""
        self.model = model
        self.optD = optD
        self.optG = optG

    def training_step_discriminator(
        self, img_real: Float[Tensor, "real ..."], img_fake: Float[Tensor, "fake ..."]
    ) -> Float[Tensor, ""]:
        """Take one step of optD, down the discriminator_loss of these images.

        Args:
            img_real: images of the data.
            img_fake: what the generator made. It hangs on the generator's graph, which the generator's step still
                needs: nothing may flow back there now.

        Returns:
            The loss, a tensor without axes, taken before the step.
        """
        raise NotImplementedError("DCGANTrainer.training_step_discriminator")

    def training_step_generator(self, img_fake: Float[Tensor, "fake ..."]) -> Float[Tensor, ""]:
        """Take one step of optG, down the generator_loss of what the discriminator says of these images.

        The discriminator has changed since it saw them, so it is asked again. Its parameters stay.

        Args:
            img_fake: what the generator made, on its graph.

        Returns:
            The loss, a tensor without axes, taken before the step.
        """
        raise NotImplementedError("DCGANTrainer.training_step_generator")
