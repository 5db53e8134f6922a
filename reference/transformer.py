"""A transformer from scratch: the architecture of GPT-2, its training, and the ways to draw text from it.

You write the layers, put them together to a language model, train it, and make it speak: greedily, by chance, with a
beam of candidates, and at last with a cache that spares it from reading everything anew for each token. PyTorch gives
tensors and gradients, and `nn.Module` to hold the parts together.

Parameters must have the names and shapes given: the grader loads weights by them. Sizes come from the module's `cfg`, a
Config (exercises/given/transformers.py): the grader tries many. Shapes are named so: batch (texts), seq (tokens of a
text), d_model (the width of what flows through the model, the residual stream), head, d_head.
"""

# %% Setup
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor, nn

from exercises.given.transformers import CharTokenizer, Config, KVCache

Batch = dict[str, Int[Tensor, "batch seq"]]  # {"tokens": …}


# %% Layers
# Each is made with the Config of the whole model. W_… are weights, b_… biases.
class Gain(nn.Module):
    """Multiplies each number of the stream by a learned factor. It is done for you; read it before you go on."""

    def __init__(self, cfg: Config) -> None:
        """Make `w`, (d_model,), one."""
        super().__init__()
        self.w = nn.Parameter(torch.ones(cfg.d_model))

    def forward(self, residual: Float[Tensor, "batch seq d_model"]) -> Float[Tensor, "batch seq d_model"]:
        """residual · w."""
        return residual * self.w  # (batch, seq, d_model) * (d_model,)


class LayerNorm(nn.Module):
    """Brings the numbers of each position to mean 0 and variance 1, then scales and shifts them.

        out = (x - mean(x)) / sqrt(var(x) + eps) · w + b        mean and variance over d_model, eps = cfg.layer_norm_eps

    Each position of each text is normalised by itself: what it becomes does not depend on its neighbours, and must not
    in a model that may not look ahead. The variance is the mean of squares, divided by d_model and not by one less. eps
    stands below the root, where it keeps a position whose numbers are all equal from being divided by zero.

    Source: Ba, Kiros and Hinton (2016), "Layer Normalization", equations 3 and 4; torch.nn.LayerNorm.
    """

    def __init__(self, cfg: Config) -> None:
        """Make `w`, (d_model,), one, and `b`, (d_model,), zero."""
        super().__init__()
        self.cfg = cfg
        self.w = nn.Parameter(torch.ones(cfg.d_model))
        self.b = nn.Parameter(torch.zeros(cfg.d_model))

    def forward(self, residual: Float[Tensor, "batch seq d_model"]) -> Float[Tensor, "batch seq d_model"]:
        """The normalised stream. Gradients go through mean and variance too. Numbers may be as far from zero as 1000.

        With w = 1, b = 0 and a tiny eps, [1, 1, 3, 3] becomes [-1, -1, 1, 1].
        """
        centred = residual - residual.mean(dim=-1, keepdim=True)  # (batch, seq, d_model)
        variance = centred.square().mean(dim=-1, keepdim=True)  # (batch, seq, 1)
        return centred / (variance + self.cfg.layer_norm_eps).sqrt() * self.w + self.b


class Embed(nn.Module):
    """Looks up a vector for each token."""

    def __init__(self, cfg: Config) -> None:
        """Make `W_E`, (d_vocab, d_model): row t is the vector of token t.

        It starts normally distributed, with mean 0 and a standard deviation of cfg.init_range.
        """
        super().__init__()
        self.W_E = nn.Parameter(torch.randn(cfg.d_vocab, cfg.d_model) * cfg.init_range)

    def forward(self, tokens: Int[Tensor, "batch seq"]) -> Float[Tensor, "batch seq d_model"]:
        """The rows of W_E that the tokens name, in their order. A token may come twice, or never.

        Of W_E = [[1, 2], [3, 4], [5, 6]] the tokens [[2, 0, 2]] get [[[5, 6], [1, 2], [5, 6]]].
        """
        return self.W_E[tokens]  # (batch, seq, d_model)


class PosEmbed(nn.Module):
    """Looks up a vector for each position. Attention alone could not tell in which order tokens stand.

    Source: Radford et al. (2019), "Language Models are Unsupervised Multitask Learners": GPT-2 learns its positions.
    """

    def __init__(self, cfg: Config) -> None:
        """Make `W_pos`, (n_ctx, d_model): row i is the vector of position i.

        It starts normally distributed, with mean 0 and a standard deviation of cfg.init_range.
        """
        super().__init__()
        self.W_pos = nn.Parameter(torch.randn(cfg.n_ctx, cfg.d_model) * cfg.init_range)

    def forward(self, tokens: Int[Tensor, "batch seq"]) -> Float[Tensor, "batch seq d_model"]:
        """Row i of W_pos at each position i, the same for each text. Of the tokens only the shape matters.

        A shape that stretches to (batch, seq, d_model) will do, such as (seq, d_model).
        """
        batch, seq = tokens.shape
        return self.W_pos[:seq].expand(batch, -1, -1)  # (seq, d_model) -> (batch, seq, d_model)


class Attention(nn.Module):
    """Moves information between positions: each asks, by its query, the keys of those before it, and gets their values.

    With x the input at one position, and for each head h by itself:

        q = x W_Q[h] + b_Q[h],    k = x W_K[h] + b_K[h],    v = x W_V[h] + b_V[h]
        score[i, j] = q_i · k_j / sqrt(d_head)                     query at position i, key at position j
        pattern[i, j] = softmax over j of score[i, j]              with j > i left out
        z_i = Σ_j pattern[i, j] v_j
        out_i = Σ_h z_i W_O[h] + b_O

    The heads may stand in any order: the sum does not change. n_heads · d_head need not be d_model. Where all scores of
    a query are equal, z is the mean of the values so far.

    Source: Vaswani et al. (2017), "Attention Is All You Need", section 3.2.
    """

    def __init__(self, cfg: Config) -> None:
        """Make the weights `W_Q`, `W_K`, `W_V`, each (n_heads, d_model, d_head), and `W_O`, (n_heads, d_head, d_model);
        and the biases `b_Q`, `b_K`, `b_V`, each (n_heads, d_head), and `b_O`, (d_model,): one, not one for each head.

        Weights start normally distributed, with a standard deviation of cfg.init_range, biases at zero. A buffer
        `IGNORE` with the score of what is left out, -inf or as low as -1e5, goes where the module goes.
        """
        super().__init__()
        self.cfg = cfg
        inwards, outwards = (cfg.n_heads, cfg.d_model, cfg.d_head), (cfg.n_heads, cfg.d_head, cfg.d_model)
        self.W_Q = nn.Parameter(torch.randn(inwards) * cfg.init_range)
        self.W_K = nn.Parameter(torch.randn(inwards) * cfg.init_range)
        self.W_V = nn.Parameter(torch.randn(inwards) * cfg.init_range)
        self.W_O = nn.Parameter(torch.randn(outwards) * cfg.init_range)
        self.b_Q = nn.Parameter(torch.zeros(cfg.n_heads, cfg.d_head))
        self.b_K = nn.Parameter(torch.zeros(cfg.n_heads, cfg.d_head))
        self.b_V = nn.Parameter(torch.zeros(cfg.n_heads, cfg.d_head))
        self.b_O = nn.Parameter(torch.zeros(cfg.d_model))
        self.register_buffer("IGNORE", torch.tensor(-torch.inf))

    def forward(self, normalized_resid_pre: Float[Tensor, "batch seq d_model"]) -> Float[Tensor, "batch seq d_model"]:
        """What the heads move, summed. What comes later changes nothing before it. Gradients reach all of it."""
        x = normalized_resid_pre
        q = einsum(x, self.W_Q, "batch seq d_model, head d_model d_head -> batch seq head d_head") + self.b_Q
        k = einsum(x, self.W_K, "batch seq d_model, head d_model d_head -> batch seq head d_head") + self.b_K
        v = einsum(x, self.W_V, "batch seq d_model, head d_model d_head -> batch seq head d_head") + self.b_V
        scores = einsum(q, k, "batch query head d_head, batch key head d_head -> batch head query key")
        scores = scores / self.cfg.d_head**0.5
        pattern = self.apply_causal_mask(scores).softmax(dim=-1)  # (batch, head, query, key)
        z = einsum(pattern, v, "batch head query key, batch key head d_head -> batch query head d_head")
        out = einsum(z, self.W_O, "batch query head d_head, head d_head d_model -> batch query d_model")
        return out + self.b_O

    def apply_causal_mask(
        self, attn_scores: Float[Tensor, "batch head query key"]
    ) -> Float[Tensor, "batch head query key"]:
        """The scores, with IGNORE in the place of those whose key stands after the query; they may be changed in place.

        A position does see itself, else the first would see nothing. Whether a score is left out follows from its place
        and not from its value, which may be zero. Query i and key i stand at position i, also where there are more of
        one than of the other. Of the scores [[5, 6], [7, 8]] are left [[5, IGNORE], [7, 8]].
        """
        _, _, queries, keys = attn_scores.shape
        is_later = torch.ones(queries, keys, dtype=torch.bool).triu(diagonal=1)
        return torch.where(is_later, self.IGNORE, attn_scores)


def gelu_new(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The activation of GPT-2: x Φ(x) with Φ of the normal distribution, by way of a tanh. It is given.

    It is about 0.0005 away from nn.GELU() in places, as GPT-2 was trained with this form.

    Source: Hendrycks and Gimpel (2016), "Gaussian Error Linear Units (GELUs)", section 2.
    """
    return x / 2 * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))


class MLP(nn.Module):
    """Computes at each position by itself: gelu_new(x W_in + b_in) W_out + b_out."""

    def __init__(self, cfg: Config) -> None:
        """Make `W_in`, (d_model, d_mlp), `b_in`, (d_mlp,), `W_out`, (d_mlp, d_model), and `b_out`, (d_model,).

        Weights start normally distributed, with a standard deviation of cfg.init_range, biases at zero.
        """
        super().__init__()
        self.W_in = nn.Parameter(torch.randn(cfg.d_model, cfg.d_mlp) * cfg.init_range)
        self.b_in = nn.Parameter(torch.zeros(cfg.d_mlp))
        self.W_out = nn.Parameter(torch.randn(cfg.d_mlp, cfg.d_model) * cfg.init_range)
        self.b_out = nn.Parameter(torch.zeros(cfg.d_model))

    def forward(self, normalized_resid_mid: Float[Tensor, "batch seq d_model"]) -> Float[Tensor, "batch seq d_model"]:
        """The output, shape of the input. The activation is gelu_new, and stands between the two maps only."""
        hidden = gelu_new(normalized_resid_mid @ self.W_in + self.b_in)  # (batch, seq, d_mlp)
        return hidden @ self.W_out + self.b_out  # (batch, seq, d_model)


# %% The model
class TransformerBlock(nn.Module):
    """Attention, then the MLP. Each reads the stream through a norm of its own, and adds to it what it finds.

        resid_mid  = resid_pre + attn(ln1(resid_pre))
        resid_post = resid_mid + mlp(ln2(resid_mid))

    The stream itself is never normalised on its way, so that gradients reach the first layer as they left the last.

    Source: Radford et al. (2019), section 2.3 (the norm stands before each part); Xiong et al. (2020), figure 1 (b).
    """

    def __init__(self, cfg: Config) -> None:
        """Make the parts `ln1`, `attn`, `ln2` and `mlp`, with these names."""
        super().__init__()
        self.ln1 = LayerNorm(cfg)
        self.attn = Attention(cfg)
        self.ln2 = LayerNorm(cfg)
        self.mlp = MLP(cfg)

    def forward(self, resid_pre: Float[Tensor, "batch seq d_model"]) -> Float[Tensor, "batch seq d_model"]:
        """The stream after the layer."""
        resid_mid = resid_pre + self.attn(self.ln1(resid_pre))
        return resid_mid + self.mlp(self.ln2(resid_mid))


class Unembed(nn.Module):
    """Turns what has come of each position into a logit for each token: x W_U + b_U."""

    def __init__(self, cfg: Config) -> None:
        """Make `W_U`, (d_model, d_vocab), normally distributed with a standard deviation of cfg.init_range, and `b_U`,
        (d_vocab,), zero.
        """
        super().__init__()
        self.W_U = nn.Parameter(torch.randn(cfg.d_model, cfg.d_vocab) * cfg.init_range)
        self.b_U = nn.Parameter(torch.zeros(cfg.d_vocab))

    def forward(self, normalized_resid_final: Float[Tensor, "batch seq d_model"]) -> Float[Tensor, "batch seq d_vocab"]:
        """Logits, of any sign: softmax is left to who needs it."""
        return normalized_resid_final @ self.W_U + self.b_U


class DemoTransformer(nn.Module):
    """A language model: at each position it says how likely each token is to come next.

    The embeddings of token and position are added; cfg.n_layers blocks, one after the other, each with weights of its
    own, work on the sum; a last norm and the unembedding make logits of it.

    The logits at a position depend on the tokens up to there: not on later ones, and not on the other texts.

    Source: Radford et al. (2019), section 2.3.
    """

    def __init__(self, cfg: Config) -> None:
        """Make `embed`, `pos_embed`, `blocks` (an nn.ModuleList), `ln_final` and `unembed`, and keep `cfg`."""
        super().__init__()
        self.cfg = cfg
        self.embed = Embed(cfg)
        self.pos_embed = PosEmbed(cfg)
        self.blocks = nn.ModuleList(TransformerBlock(cfg) for _ in range(cfg.n_layers))
        self.ln_final = LayerNorm(cfg)
        self.unembed = Unembed(cfg)

    def forward(self, tokens: Int[Tensor, "batch seq"]) -> Float[Tensor, "batch seq d_vocab"]:
        """Logits for the token after each."""
        residual = self.embed(tokens) + self.pos_embed(tokens)  # (batch, seq, d_model)
        for block in self.blocks:
            residual = block(residual)
        return self.unembed(self.ln_final(residual))


# %% Training
def get_log_probs(
    logits: Float[Tensor, "batch seq d_vocab"], tokens: Int[Tensor, "batch seq"]
) -> Float[Tensor, "batch seq-1"]:
    """The logarithms of the probabilities that a model gave to the tokens which did come.

        out[b, i] = log softmax(logits[b, i])[tokens[b, i + 1]]

    The logits at a position are about the next token. So the first token is predicted by nothing, and what is predicted
    at the last position has not come yet: the result is shorter by one, and has no number where there is one token.

    Args:
        logits: shape (batch, seq, d_vocab). They may be thousands apart: then a probability is 0 in float32, but its
            logarithm is a number all the same.
        tokens: int64, shape (batch, seq).

    Returns:
        Shape (batch, seq - 1). Minus their mean is the loss of a language model.

    >>> logits = torch.tensor([[[0.0, 0.0], [9.0, 9.0]]])  # one text of two tokens; both thought equally likely
    >>> get_log_probs(logits, torch.tensor([[0, 1]]))
    tensor([[-0.6931]])
    """
    log_probs = logits[:, :-1].log_softmax(dim=-1)  # (batch, seq - 1, d_vocab)
    return log_probs.gather(-1, tokens[:, 1:, None])[:, :, 0]  # (batch, seq - 1, 1) -> (batch, seq - 1)


@dataclass
class TransformerTrainingArgs:
    """What a training is set up with."""

    epochs: int = 1
    lr: float = 1e-3
    weight_decay: float = 1e-2


class TransformerTrainer:
    """Trains a language model. A batch is a dict whose entry "tokens" has shape (batch, seq)."""

    def __init__(
        self,
        args: TransformerTrainingArgs,
        model: nn.Module,
        train_loader: Sequence[Batch],
        test_loader: Sequence[Batch],
    ) -> None:  # given
        """Keep what it is given, and make an optimizer. The grader sets these attributes itself."""
        self.args = args
        self.model = model
        self.train_loader = train_loader
        self.test_loader = test_loader
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)

    def training_step(self, batch: Batch) -> Float[Tensor, ""]:
        """Take one step with self.optimizer down the mean loss of the batch: minus the mean of get_log_probs.

        Gradients of an earlier batch take no part. The tokens are those of this batch, and the model looks no further
        than each position: nothing need be shifted but what get_log_probs shifts already.

        Returns:
            The loss before the step.
        """
        tokens = batch["tokens"]
        loss = -get_log_probs(self.model(tokens), tokens).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def evaluate(self) -> float:
        """The share of all tokens in self.test_loader, but for the first of each text, that the model foresees.

        It foresees a token if that has the largest logit at the position before. Batches may differ in size, so the
        mean of their shares is something else. The model works in evaluation mode and without recording gradients;
        afterwards it is in the mode in which it was before.
        """
        was_training = self.model.training
        self.model.eval()
        right = total = 0
        with torch.no_grad():
            for batch in self.test_loader:
                foreseen = self.model(batch["tokens"])[:, :-1].argmax(dim=-1)  # (batch, seq - 1)
                actual = batch["tokens"][:, 1:]
                right += (foreseen == actual).sum().item()
                total += actual.numel()
        self.model.train(was_training)
        return right / total

    def train(self) -> Iterable[float]:  # given
        """Train for args.epochs. Yields the accuracy after each."""
        for _ in range(self.args.epochs):
            self.model.train()
            for batch in self.train_loader:
                self.training_step(batch)
            yield self.evaluate()


# %% Sampling
# A model gives logits for the next token. What is said next is another matter: the likeliest token each time makes for
# dull and repetitive text, and drawing from the whole distribution picks nonsense now and then.
class TransformerSampler:
    """Draws text from a language model.

    Each static method but the two apply_… says one token, a number from 0 to d_vocab - 1 (an int, or a tensor of one
    number), given logits of shape (d_vocab,), which stand in no order. Those that draw have to be random: each call
    draws anew.

    Source: Holtzman et al. (2020), "The Curious Case of Neural Text Degeneration", sections 3.1 to 3.3 (nucleus, top k,
    temperature); Keskar et al. (2019), "CTRL", section 4.1 (a penalty for repeating).
    """

    def __init__(self, model: nn.Module, tokenizer: CharTokenizer) -> None:  # given
        """Keep the model, its cfg and the tokenizer."""
        self.model = model
        self.cfg = model.cfg
        self.tokenizer = tokenizer

    @staticmethod
    def greedy_search(logits: Float[Tensor, " d_vocab"]) -> int:
        """The token with the largest logit. Where several are equally large, any of them."""
        return logits.argmax().item()

    @staticmethod
    def sample_basic(logits: Float[Tensor, " d_vocab"]) -> int:
        """Draw a token from softmax(logits). A token whose logit is -inf never comes; logits may be thousands apart."""
        return torch.multinomial(logits.softmax(dim=-1), num_samples=1).item()

    @staticmethod
    def apply_temperature(logits: Float[Tensor, " d_vocab"], temperature: float) -> Float[Tensor, " d_vocab"]:
        """logits / temperature, as a new tensor. Above 1 it makes the distribution flatter, below 1 steeper."""
        return logits / temperature

    @staticmethod
    def apply_frequency_penalty(
        input_ids: Int[Tensor, " seq"], logits: Float[Tensor, " d_vocab"], freq_penalty: float
    ) -> Float[Tensor, " d_vocab"]:
        """Lower each token's logit by freq_penalty for each time that it stands in input_ids, in a new tensor.

        >>> input_ids, logits = torch.tensor([0, 2, 2]), torch.tensor([5.0, 5.0, 5.0, 5.0])
        >>> TransformerSampler.apply_frequency_penalty(input_ids, logits, 1.5)
        tensor([3.5000, 5.0000, 2.0000, 5.0000])
        """
        counts = input_ids.bincount(minlength=len(logits))  # (d_vocab,)
        return logits - freq_penalty * counts

    @staticmethod
    def sample_top_k(logits: Float[Tensor, " d_vocab"], k: int) -> int:
        """Draw from the k tokens with the largest logits, each as likely as before in proportion to the others of them.

        What comes out is the token, not its rank: of the logits [1, 3, 2] with k = 2, 1 in 73 % of draws and 2 in 27 %.
        k is between 1 and d_vocab. Where several are equally large, any of them may be among the k, but no more than k.
        """
        top_logits, token_ids = logits.topk(k)  # (k,), (k,)
        return token_ids[TransformerSampler.sample_basic(top_logits)].item()

    @staticmethod
    def sample_top_p(logits: Float[Tensor, " d_vocab"], top_p: float, min_tokens_to_keep: int = 1) -> int:
        """Draw from the nucleus: as few of the likeliest tokens as have a probability of top_p or more together.

        So the token with which the sum crosses top_p is one of them. At least min_tokens_to_keep tokens are kept. With
        probabilities [0.3, 0.5, 0.2] and a top_p of 0.6, tokens 1 and 0 are kept, with 5/8 and 3/8. top_p is above 0
        and at most 1, where all tokens stay. Where several are equally likely, any of them may be kept first.
        """
        token_ids = logits.argsort(descending=True)  # (d_vocab,), the likeliest first
        probabilities = logits.softmax(dim=-1)[token_ids]
        likelier = probabilities.cumsum(dim=0) - probabilities  # of all tokens before each
        n_kept = max(int((likelier < top_p).sum()), min_tokens_to_keep)
        return token_ids[TransformerSampler.sample_basic(logits[token_ids[:n_kept]])].item()

    @staticmethod
    def sample_next_token(
        input_ids: Int[Tensor, " seq"],
        logits: Float[Tensor, " d_vocab"],
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 0.0,
        frequency_penalty: float = 0.0,
    ) -> int:
        """Draw the token that follows input_ids, with everything above: what is 0 (temperature: 1) changes nothing.

        A temperature of 0 is greedy, whatever else is asked for. Else the temperature is applied first, then the
        penalty, and then one of top k, top p and the plain draw takes the token. A temperature may be as near to 0 as
        0.001: then it is the likeliest token that comes.

        Raises:
            ValueError (or AssertionError): temperature or top_k is negative, top_p is not between 0 and 1, or top_k and
                top_p are both asked for.
        """
        if temperature < 0 or top_k < 0 or not 0 <= top_p <= 1:
            raise ValueError(f"no such options: {temperature=}, {top_k=}, {top_p=}")
        if top_k and top_p:
            raise ValueError("either top_k or top_p, not both")
        if temperature == 0:
            return TransformerSampler.greedy_search(logits)
        logits = TransformerSampler.apply_temperature(logits, temperature)
        logits = TransformerSampler.apply_frequency_penalty(input_ids, logits, frequency_penalty)
        if top_k:
            return TransformerSampler.sample_top_k(logits, top_k)
        if top_p:
            return TransformerSampler.sample_top_p(logits, top_p)
        return TransformerSampler.sample_basic(logits)

    @torch.no_grad()
    def sample(self, prompt: str, max_tokens_generated: int = 100, verbose: bool = False, **kwargs) -> str:
        """Go on with a text, token by token, until the one that ends texts, or for max_tokens_generated of them.

        Each token is drawn by sample_next_token with the options in kwargs, from the model's logits at the last
        position. The model takes n_ctx tokens at most: of a longer text it is shown the last n_ctx. A penalty counts
        all tokens so far, the prompt's too. A text ends with tokenizer.eos_token_id, a number.

        The model works in evaluation mode and without recording gradients.

        Args:
            prompt: one character or more.
            max_tokens_generated: the most tokens to add, 100 unless told otherwise.
            verbose: print the text as it grows, if you like.

        Returns:
            The prompt and what was added; with the end-of-text token or without it.
        """
        self.model.eval()
        input_ids = self.tokenizer.encode(prompt, return_tensors="pt")[0]  # (seq,)
        for _ in range(max_tokens_generated):
            logits = self.model(input_ids[None, -self.cfg.n_ctx :])[0, -1]  # (d_vocab,)
            token = TransformerSampler.sample_next_token(input_ids, logits, **kwargs)
            input_ids = torch.cat([input_ids, torch.tensor([token])])  # (seq + 1,)
            if token == self.tokenizer.eos_token_id:
                break
        return self.tokenizer.decode(input_ids)


# %% Beam search
# Greedy search takes the likeliest token each time, which does not lead to the likeliest text. To look at all texts is
# out of the question. Beam search is between the two: it goes on with the k best beginnings, the beams.
@dataclass
class Beams:
    """Beginnings of equal length, and the logarithm of how likely each is: the sum over its tokens since the prompt.

    Source: Graves (2012), "Sequence Transduction with Recurrent Neural Networks", section 2.5.
    """

    model: nn.Module
    tokenizer: CharTokenizer
    logprob_sums: Float[Tensor, " beam"]
    tokens: Int[Tensor, "beam seq"]

    def __getitem__(self, which: list[int] | Tensor) -> "Beams":  # given
        """Some of the beams."""
        return Beams(self.model, self.tokenizer, self.logprob_sums[which], self.tokens[which])

    @property
    def logprobs_and_completions(self) -> list[tuple[float, str]]:  # given
        """The log-probability and the text of each beam."""
        texts = [self.tokenizer.decode(tokens) for tokens in self.tokens]
        return list(zip(self.logprob_sums.tolist(), texts, strict=True))

    def get_topk_non_repeating(
        self, logprobs: Float[Tensor, "beam d_vocab"], no_repeat_ngram_size: int | None, k: int
    ) -> tuple[Float[Tensor, "beam k"], Int[Tensor, "beam k"]]:
        """For each beam the k tokens with the largest logprobs, among those that repeat nothing.

        A token repeats if, with the last n - 1 tokens of the beam, it makes n tokens that stand somewhere in the same
        beam in this order already; n is no_repeat_ngram_size. With n = 2, "abab" may not be followed by a; with n = 1
        no token may come twice. None means that all tokens may be taken, and so does a beam of fewer than n tokens.

        Args:
            logprobs: of the token after each beam, shape (beam, d_vocab). They may be changed in place.
            no_repeat_ngram_size: None, or 1 or more.
            k: how many; there are that many tokens that repeat nothing.

        Returns:
            The logprobs and the tokens, (beam, k) each, in any order within a beam.
        """
        n = no_repeat_ngram_size
        repeats = torch.zeros_like(logprobs, dtype=torch.bool)  # (beam, d_vocab)
        for beam, tokens in enumerate(self.tokens.tolist() if n is not None else []):
            for start in range(len(tokens) - n + 1):
                ngram = tokens[start : start + n]
                if ngram[:-1] == tokens[len(tokens) - n + 1 :]:
                    repeats[beam, ngram[-1]] = True
        return logprobs.masked_fill(repeats, -torch.inf).topk(k, dim=-1)

    def generate(self, k: int, no_repeat_ngram_size: int | None = None) -> "Beams":
        """The k best continuations, by one token, of each beam: k times as many beams, in any order.

        Each new beam's log-probability is the old one's and that of its new token, which is log softmax of the model's
        logits at the last position, over all tokens and not only over those that are kept.

        Args:
            k: how many continuations of each beam, at most d_vocab.
            no_repeat_ngram_size: see get_topk_non_repeating, which chooses the tokens.
        """
        logprobs = self.model(self.tokens)[:, -1].log_softmax(dim=-1)  # (beam, d_vocab)
        new_logprobs, new_tokens = self.get_topk_non_repeating(logprobs, no_repeat_ngram_size, k)  # (beam, k) each
        logprob_sums = self.logprob_sums[:, None] + new_logprobs  # (beam, 1) + (beam, k)
        longer = torch.cat([self.tokens.repeat_interleave(k, dim=0), new_tokens.reshape(-1, 1)], dim=1)
        return Beams(self.model, self.tokenizer, logprob_sums.flatten(), longer)  # (beam · k,), (beam · k, seq + 1)

    def filter(self, k: int) -> tuple["Beams", "Beams"]:
        """The k best of all beams together, those that go on apart from those that have ended.

        A beam has ended if its last token is tokenizer.eos_token_id, a number. Ended ones take places among the k: if
        two of the best three have ended, one goes on, whatever comes fourth.

        Returns:
            Those that go on, and those that have ended, each with the best first.
        """
        best = self[self.logprob_sums.topk(k).indices]
        has_ended = best.tokens[:, -1] == self.tokenizer.eos_token_id  # (beam,)
        return best[~has_ended], best[has_ended]


@torch.no_grad()
def beam_search(
    self: TransformerSampler,
    prompt: str,
    num_return_sequences: int,
    num_beams: int,
    max_new_tokens: int,
    no_repeat_ngram_size: int | None = None,
) -> list[tuple[float, str]]:
    """Look for the likeliest continuations of a text with a beam. It is a method of the sampler, below its class.

    Begin with the prompt as the only beam, of log-probability 0. For each new token go on with each beam in num_beams
    ways, and filter for the num_beams best of all. Those that have ended are put aside. As soon as num_return_sequences
    have been, they are the result; else, after max_new_tokens, these come first, and the best of those that go on fill
    up. With num_beams tokens in the vocabulary, and two new ones of which none ends, that finds the best texts of all.

    Args:
        self: a sampler, or anything that has a model and a tokenizer.
        prompt: one character or more.
        num_return_sequences: how many texts are asked for; at most num_beams.
        num_beams: how many beams go on at the most; at most d_vocab.
        max_new_tokens: the most tokens to add.
        no_repeat_ngram_size: see Beams.get_topk_non_repeating.

    The model works in evaluation mode and without recording gradients.

    Returns:
        num_return_sequences pairs of the log-probability of what was added and the text, prompt included; the text with
        the end-of-text token or without it.
    """
    self.model.eval()
    tokens = self.tokenizer.encode(prompt, return_tensors="pt")  # (1, seq)
    beams = Beams(self.model, self.tokenizer, torch.zeros(1), tokens)
    found: list[tuple[float, str]] = []
    for _ in range(max_new_tokens):
        beams, ended = beams.generate(num_beams, no_repeat_ngram_size).filter(num_beams)
        found += ended.logprobs_and_completions
        if len(found) >= num_return_sequences:
            return found[:num_return_sequences]
    return (found + beams.logprobs_and_completions)[:num_return_sequences]


TransformerSampler.beam_search = beam_search


# %% A cache of keys and values
# To say token 1000 the model reads 999 tokens, all but one of which it has read before. What attention needs of them,
# keys and values, does not change, as nothing looks ahead. So keep these, and let the model read the new token only.
def attention_with_cache(
    q: Float[Tensor, "batch new head d_head"],
    k_new: Float[Tensor, "batch new head d_head"],
    v_new: Float[Tensor, "batch new head d_head"],
    cache: KVCache | None,
) -> tuple[Float[Tensor, "batch new head d_head"], KVCache]:
    """Attention of new positions to all positions so far, the old ones by their cached keys and values.

    The new positions come after those in the cache. A new position sees all old ones, and of the new ones itself and
    those before it. So the result does not depend on how a text is cut into pieces that are handed in one by one.

    Args:
        q, k_new, v_new: queries, keys and values of the new positions, (batch, new, head, d_head) each.
        cache: keys and values of the old positions, (batch, past, head, d_head) each; None if there are none. It stays
            as it is: several texts may go on from the same beginning, without disturbing one another.

    Returns:
        z, the values weighted by softmax(q · k / sqrt(d_head)), (batch, new, head, d_head); and the cache of all
        positions, old and new.

    Source: Shazeer (2019), "Fast Transformer Decoding", section 2.4.
    """
    k = k_new if cache is None else torch.cat([cache.k, k_new], dim=1)  # (batch, past + new, head, d_head)
    v = v_new if cache is None else torch.cat([cache.v, v_new], dim=1)
    scores = einsum(q, k, "batch query head d_head, batch key head d_head -> batch head query key") / q.shape[-1] ** 0.5
    _, _, new, total = scores.shape
    is_later = torch.ones(new, total, dtype=torch.bool).triu(diagonal=total - new + 1)
    pattern = scores.masked_fill(is_later, -torch.inf).softmax(dim=-1)  # (batch, head, new, past + new)
    z = einsum(pattern, v, "batch head query key, batch key head d_head -> batch query head d_head")
    return z, KVCache(k, v)


def forward_with_cache(
    model: DemoTransformer, tokens: Int[Tensor, "batch new"], cache: list[KVCache] | None
) -> tuple[Float[Tensor, "batch new d_vocab"], list[KVCache]]:
    """What `model` says after each of the new tokens, without reading the old ones again.

    Go through the model's parts as its own forward does, for the new positions only. Attention alone looks at the old
    ones: there attention_with_cache takes over, between the weights of block.attn. Mind the positions: the first new
    token stands after all the old ones. Then the logits are those that model(all tokens) has at the new positions.

    Args:
        model: a DemoTransformer.
        tokens: the new tokens, int64, shape (batch, new).
        cache: for each layer what it knows of the old tokens; None if there are none. It stays as it is.

    Returns:
        Logits, (batch, new, d_vocab); and for each layer the cache of all tokens, old and new.
    """
    past = 0 if cache is None else cache[0].k.shape[1]
    residual = model.embed(tokens) + model.pos_embed.W_pos[past : past + tokens.shape[1]]  # (batch, new, d_model)
    longer = []
    for layer, block in enumerate(model.blocks):
        x, attn = block.ln1(residual), block.attn
        q = einsum(x, attn.W_Q, "batch new d_model, head d_model d_head -> batch new head d_head") + attn.b_Q
        k = einsum(x, attn.W_K, "batch new d_model, head d_model d_head -> batch new head d_head") + attn.b_K
        v = einsum(x, attn.W_V, "batch new d_model, head d_model d_head -> batch new head d_head") + attn.b_V
        z, kept = attention_with_cache(q, k, v, None if cache is None else cache[layer])
        longer.append(kept)
        residual = residual + einsum(z, attn.W_O, "batch new head d_head, head d_head d_model -> batch new d_model")
        residual = residual + attn.b_O
        residual = residual + block.mlp(block.ln2(residual))
    return model.unembed(model.ln_final(residual)), longer
