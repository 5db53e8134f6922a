"""Reinforcement learning from human feedback: how a language model that can write learns to write what is wanted.

You begin with rewards: made by hand, and learned from pairs of texts of which people liked one better. Then come
log-probabilities of texts, and with them DPO, which needs no reinforcement learning at all. The larger part is PPO on a
language model: a penalty for drifting away from the model one started with, a value head, samples, an optimizer, and
the trainer that puts them together. GRPO does without the value head, and LoRA with few parameters.

The language model is small and given: `exercises/given/hooked.py`. Logits at position t are about the token at t + 1.
Of a sequence of length seq the first prefix_len tokens are the prompt, and gen_len = seq - prefix_len were generated.
"""

# %% Setup
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from exercises.given.attention_hooks import AttentionHooks
from exercises.given.hooked import HookedTransformer, HookPoint, get_act_name
from exercises.given.rollouts import PhasedTrainer, ReplayMinibatch, RLHFArgs, Rollout

Scalar = Float[Tensor, ""]


# %% Rewards
# A reward function is told a list of texts and says what each is worth: the more, the better.
def reward_fn_length(generated_sample: list[str]) -> Float[Tensor, " batch"]:
    """Rewards long texts, a character one point. This one is done for you.

    >>> reward_fn_length(["ab", ""])
    tensor([2., 0.])
    """
    return torch.tensor([float(len(text)) for text in generated_sample])  # (batch,)


def reward_fn_char_count(generated_sample: list[str], char: str = ".") -> Float[Tensor, " batch"]:
    """Count how often a character occurs in each text.

    Who rewards full stops gets short sentences, and in the end nothing but full stops: a model does what it is paid
    for.

    Args:
        generated_sample: texts, one or more. A text may be empty.
        char: one character; without it full stops are counted. It is what it is: "." is no pattern, "a" is not "A".

    Returns:
        The counts, shape (batch,). Any dtype of numbers is accepted, and so is a list.

    >>> reward_fn_char_count(["a.b..", "none"])
    tensor([3., 0.])
    """
    raise NotImplementedError("reward_fn_char_count")


def normalize_reward(reward: Float[Tensor, " batch"], eps: float = 1e-5) -> Float[Tensor, " batch"]:
    """Bring the rewards of a batch to mean 0 and standard deviation 1, whatever unit they were in.

        (r - mean(r)) / (std(r) + eps)

    std is that of a sample: the mean of squares divides by batch - 1. What all samples earn says nothing of which of
    them was better, so equal rewards become zeros. A reward alone in its batch is as good as its mean: zero, too.

    Args:
        reward: shape (batch,). It stays as it is.
        eps: is added to the standard deviation; 1e-5 unless another number is given.

    Returns:
        A new tensor, shape (batch,).

    >>> normalize_reward(torch.tensor([1.0, 3.0, 5.0])).round(decimals=3)
    tensor([-1.,  0.,  1.])
    """
    raise NotImplementedError("normalize_reward")


# Where no function says what a text is worth, people are shown two, and choose. A reward model gives each text a number
# r; it fits the choices if the chosen one has the larger.
def bradley_terry_loss(r_chosen: Float[Tensor, " pairs"], r_rejected: Float[Tensor, " pairs"]) -> Scalar:
    """The loss of a reward model: how much its rewards are surprised by what people chose.

        loss = - mean over pairs of log σ(r_chosen - r_rejected),    σ(x) = 1 / (1 + exp(-x))

    By the model of Bradley and Terry σ of the difference is the probability to choose the first. It is to be minimised.
    Rewards may differ by hundreds: σ is then 0 in single precision, and its logarithm infinite, but log σ is neither.

    Args:
        r_chosen, r_rejected: the rewards of the texts of each pair, shape (pairs,). Gradients flow into both.

    Returns:
        The loss, a scalar tensor. For equal rewards it is log 2.

    >>> bradley_terry_loss(torch.tensor([1.0]), torch.tensor([1.0]))
    tensor(0.6931)

    Source: Ouyang et al. (2022), "Training language models to follow instructions with human feedback", equation 1.
    """
    raise NotImplementedError("bradley_terry_loss")


def reward_model_accuracy(r_chosen: Float[Tensor, " pairs"], r_rejected: Float[Tensor, " pairs"]) -> float:
    """The share of pairs in which the chosen text has the larger reward. An equal reward counts as half a pair.

    Returns:
        A number from 0 to 1.

    >>> reward_model_accuracy(torch.tensor([2.0, 0.0, 5.0, 1.0]), torch.tensor([1.0, 3.0, 2.0, 1.0]))
    0.625
    """
    raise NotImplementedError("reward_model_accuracy")


# %% Log-probabilities
def get_logprobs(
    logits: Float[Tensor, "batch seq vocab"], tokens: Int[Tensor, "batch seq"], prefix_len: int | None = None
) -> Float[Tensor, "batch gen_len"]:
    """The log-probability of each token from position prefix_len on, given the tokens before it.

    The logits at position t are about the token at position t + 1. So the token at prefix_len is judged by the logits
    at prefix_len - 1, and the last logits, which are about a token that is not there, are left out.

    Args:
        logits: shape (batch, seq, vocab). They may be in the hundreds. Gradients flow into them.
        tokens: int64, shape (batch, seq).
        prefix_len: from 1 to seq - 1. None means 1: all tokens but the first, about which nothing was said; so does 0.

    Returns:
        Shape (batch, seq - prefix_len).

    >>> get_logprobs(torch.zeros(1, 3, 2), torch.tensor([[0, 1, 1]]), prefix_len=2)  # log 1/2
    tensor([[-0.6931]])
    """
    raise NotImplementedError("get_logprobs")


def response_logprob(
    logits: Float[Tensor, "batch seq vocab"],
    tokens: Int[Tensor, "batch seq"],
    prompt_len: int,
    mask: Bool[Tensor, "batch seq"] | None = None,
) -> Float[Tensor, " batch"]:
    """The log-probability of a whole answer to a prompt: the sum over its tokens.

        log π(y | x) = Σ_t log π(y_t | x, y_1 … y_{t-1})

    The tokens of the prompt are given, and are not counted. It is a sum and no average: a longer answer is less
    probable.

    Args:
        logits: shape (batch, seq, vocab). They may be in the hundreds. Gradients flow into them.
        tokens: int64, shape (batch, seq): prompt_len tokens of the prompt, then the answer.
        prompt_len: at least 1.
        mask: shape (batch, seq), False where an answer has ended and the row is filled up. What is said there does not
            count, whatever it is: log-probabilities may be -inf. None: nothing is filled up.

    Returns:
        Shape (batch,).

    >>> response_logprob(torch.zeros(1, 4, 2), torch.tensor([[0, 1, 1, 0]]), prompt_len=1)  # 3 log 1/2
    tensor([-2.0794])
    """
    raise NotImplementedError("response_logprob")


# %% Direct preference optimization
def dpo_loss(
    pi_chosen: Float[Tensor, " pairs"],
    pi_rejected: Float[Tensor, " pairs"],
    ref_chosen: Float[Tensor, " pairs"],
    ref_rejected: Float[Tensor, " pairs"],
    beta: float,
) -> tuple[Scalar, Float[Tensor, " pairs"], Float[Tensor, " pairs"]]:
    """Learn from choices without a reward model: the policy is the reward model.

    A policy that was trained for a reward, and kept near a reference by a KL penalty of weight β, says by itself what
    the reward was:

        r(y) = β (log π(y | x) - log π_ref(y | x))        but for a number that depends on x alone

    Put that into the loss of Bradley and Terry, and minimise:

        loss = - mean over pairs of log σ(r(y_chosen) - r(y_rejected))

    Args:
        pi_chosen, pi_rejected: log-probability of each answer by the policy, shape (pairs,). Gradients flow into them.
        ref_chosen, ref_rejected: the same by the reference. It is fixed: no gradient flows into it.
        beta: β, greater than 0: the less, the farther the policy may go.

    Returns:
        loss: a scalar tensor. It is finite, also where log-probabilities differ by hundreds.
        chosen_r, rejected_r: r of the answers, shape (pairs,).

    >>> one, two, four = torch.tensor([[1.0], [2.0], [4.0]])
    >>> dpo_loss(-one, -four, -two, -two, beta=0.5)  # log(1 + exp(-1.5))
    (tensor(0.2014), tensor([0.5000]), tensor([-1.]))

    Source: Rafailov et al. (2023), "Direct Preference Optimization", equations 5 and 7.
    """
    raise NotImplementedError("dpo_loss")


# %% How far from the reference
# A model that is only after reward soon writes what pays and nobody would write. So it pays for its distance from the
# reference model, the one it was at first. The distance is the Kullback-Leibler divergence, in nats.
def token_kl_estimators(
    logp: Float[Tensor, "..."], ref_logp: Float[Tensor, "..."]
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."], Float[Tensor, "..."]]:
    """Three ways to estimate KL(π ‖ π_ref) from tokens that were drawn from π, with d = log π_ref - log π:

        k1 = -d                     right on average, but negative half of the time, and noisy
        k2 = d² / 2                 never negative, less noise, right as long as both are near each other
        k3 = exp(d) - 1 - d         never negative, less noise, right on average

    Where both are nearly the same, exp(d) - 1 loses its digits in single precision; torch.expm1(d) does not.

    Args:
        logp, ref_logp: log-probabilities of the tokens by the policy and by the reference, of the same shape. Gradients
            flow into logp.

    Returns:
        k1, k2, k3: an estimate for each token, of that shape.

    >>> k1, k2, k3 = token_kl_estimators(torch.tensor([-1.0]), torch.tensor([-2.0]))
    >>> k1, k2, k3
    (tensor([1.]), tensor([0.5000]), tensor([0.3679]))

    Source: Schulman (2020), "Approximating KL divergence"; k3 stands in DeepSeekMath, equation 4.
    """
    raise NotImplementedError("token_kl_estimators")


def calc_kl_penalty(
    logits: Float[Tensor, "minibatch gen_len vocab"],
    ref_logits: Float[Tensor, "minibatch gen_len vocab"],
    kl_coef: float,
    gen_len: int,
) -> Scalar:
    """What the policy pays for its distance from the reference, exactly: over the whole vocabulary at each position.

        kl_coef · mean over positions of KL(π ‖ π_ref),    KL(π ‖ π_ref) = Σ_v π(v) (log π(v) - log π_ref(v))

    π is the policy and comes first: the mean is over what the policy would write. The trainer subtracts the penalty
    from its objective, so here it is positive.

    Compute log-probabilities from logits at once (log_softmax). Logits may be in the hundreds: the logarithm of a
    softmax is then -inf. A token that the policy gives probability 0 adds nothing, even if its logit is -inf, as it is
    for tokens that both models forbid; 0 · inf and inf - inf are NaN, so keep them from entering. Mind the gradient
    too: torch.where hides a NaN, but not its gradient.

    Args:
        logits: of the policy, shape (minibatch, gen_len, vocab), at the positions from which generated tokens are
            predicted. The gradient of the penalty flows into them: without it, a penalty would change nothing.
        ref_logits: of the reference, same shape.
        kl_coef: what a nat costs.
        gen_len: the number of positions. (Older editions hand over whole sequences and prefix_len in its place, and
            the cut [prefix_len - 1 : -1] is made inside. Name the parameter so, and that is what you get.)

    Returns:
        A scalar tensor, at least 0.

    >>> calc_kl_penalty(torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[3.0, 1.0]]]).log(), kl_coef=10.0, gen_len=1)
    tensor(1.4384)
    """
    raise NotImplementedError("calc_kl_penalty")


# %% The terms of PPO's objective
# PPO for a language model has one objective, which is maximised:
#     clipped surrogate objective - value loss + entropy bonus - KL penalty
# The terms are computed one by one, each with its coefficient inside and positive as it is called.
def calc_entropy_bonus(logits: Float[Tensor, "minibatch gen_len vocab"], ent_coef: float, gen_len: int) -> Scalar:
    """What the policy gets for not being too sure of itself, so that it goes on trying.

        ent_coef · mean over positions of H(π),    H(π) = - Σ_v π(v) log π(v)

    It is added to the objective: positive. As with the KL penalty, logits may be in the hundreds, or -inf for tokens
    that are forbidden: a token of probability 0 adds nothing, to the value as to the gradient.

    Args:
        logits: shape (minibatch, gen_len, vocab). The gradient flows into them.
        ent_coef: what a nat is worth.
        gen_len: the number of positions. (With prefix_len in its place, whole sequences, as in calc_kl_penalty.)

    Returns:
        A scalar tensor, at least 0.

    >>> calc_entropy_bonus(torch.zeros(1, 1, 2), ent_coef=10.0, gen_len=1)  # 10 log 2
    tensor(6.9315)
    """
    raise NotImplementedError("calc_entropy_bonus")


def calc_value_function_loss(
    values: Float[Tensor, "minibatch gen_len"],
    mb_returns: Float[Tensor, "minibatch gen_len"],
    vf_coef: float,
    gen_len: int,
) -> Scalar:
    """How wrong the value head was about what was earned.

        vf_coef · 1/2 · mean of (V - R)²

    It is a loss, and the trainer subtracts it: here it is positive. Some editions leave the 1/2 out; both are accepted.

    Args:
        values: what the value head says now, shape (minibatch, gen_len). The gradient flows into them.
        mb_returns: what it should say, same shape.
        vf_coef: the weight of the loss.
        gen_len: the number of positions.

    Returns:
        A scalar tensor, at least 0.

    >>> calc_value_function_loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 4.0]]), vf_coef=0.5, gen_len=2)
    tensor(0.5000)

    Source: Schulman et al. (2017), "Proximal Policy Optimization Algorithms", equation 9.
    """
    raise NotImplementedError("calc_value_function_loss")


def calc_clipped_surrogate_objective(
    logprobs: Float[Tensor, "minibatch gen_len"],
    mb_logprobs: Float[Tensor, "minibatch gen_len"],
    mb_advantages: Float[Tensor, "minibatch gen_len"],
    clip_coef: float,
    gen_len: int,
    eps: float = 1e-8,
) -> Scalar:
    """PPO's objective: make what went better than expected more probable, but not by too much at once.

        ratio = π(token now) / π(token when it was written) = exp(logprobs - mb_logprobs)
        mean of min(ratio · A, clip(ratio, 1 - clip_coef, 1 + clip_coef) · A)

    A are the advantages, first brought to mean 0 and standard deviation 1 over the whole minibatch: their mean is
    subtracted, and they are divided by their standard deviation (of a sample) + eps. Equal advantages become zeros.

    The smaller of the two counts. A token that has become too probable, though it was good, gets no gradient any more;
    one that has become more probable though it was bad still does.

    Args:
        logprobs: of the tokens by the policy now, shape (minibatch, gen_len). The gradient flows into them.
        mb_logprobs: when they were written, same shape.
        mb_advantages: same shape; two or more in all.
        clip_coef: how far the ratio may be from 1.
        gen_len: the number of positions.
        eps: keeps the standard deviation from being zero; 1e-8 unless another number is given.

    Returns:
        A scalar tensor, to be maximised.

    >>> now, then = torch.tensor([[1.5, 0.5]]).log(), torch.tensor([[1.0, 1.0]]).log()
    >>> calc_clipped_surrogate_objective(now, then, torch.tensor([[3.0, 1.0]]), clip_coef=0.2, gen_len=2)
    tensor(0.1414)

    Source: Schulman et al. (2017), equation 7.
    """
    raise NotImplementedError("calc_clipped_surrogate_objective")


def compute_advantages(
    values: Float[Tensor, "minibatch seq"], rewards: Float[Tensor, " minibatch"], prefix_len: int
) -> Float[Tensor, "minibatch gen_len"]:
    """How much better each generated token has made things, by the value head.

    Writing is an episode whose steps are tokens. The reward comes at the end, once, for the whole text. values[:, t] is
    what the head expects of it after the tokens up to position t. So a token at position t, prefix_len or later, has

        A_t = values[:, t] - values[:, t - 1]           what is expected after it, less what was expected before
        A_t = reward - values[:, t - 1]                 for the last token: now the reward itself is known

    Args:
        values: shape (minibatch, seq). They stay as they are.
        rewards: shape (minibatch,).
        prefix_len: the number of tokens of the prompt, at least 1.

    Returns:
        Shape (minibatch, gen_len) with gen_len = seq - prefix_len.

    >>> compute_advantages(torch.tensor([[5.0, 1.0, 2.0, 9.0]]), torch.tensor([4.0]), prefix_len=2)
    tensor([[1., 2.]])
    """
    raise NotImplementedError("compute_advantages")


# %% The model
def get_samples(
    model: HookedTransformer,
    prompt: str,
    batch_size: int,
    gen_len: int = 15,
    temperature: float = 0.8,
    top_k: int = 15,
    prepend_bos: bool = True,
) -> tuple[Int[Tensor, "batch seq"], list[str]]:
    """Let a model go on writing from a prompt, several times independently.

    model.to_tokens(prompt, prepend_bos=…) makes tokens, shape (1, prefix_len); model.generate(tokens, max_new_tokens=…,
    temperature=…, top_k=…, stop_at_eos=…) goes on, row by row; model.to_string makes texts of them again. A text
    goes on after the token that would end it (stop_at_eos=False), so that all have the same length.

    generate works in inference mode, whose tensors may not take part in what is differentiated: return a clone.

    Args:
        model: see above.
        prompt: what all samples begin with.
        batch_size: how many samples to draw.
        gen_len: how many tokens to write after the prompt: 15, unless another number is given.
        temperature, top_k: how much is left to chance: logits are divided by the temperature, 0.8 unless another is
            given, and only the top_k largest count, 15 of them. generate does it.
        prepend_bos: whether the prompt begins with the token with which texts begin; it does unless told otherwise.

    Returns:
        sample_ids: int64, shape (batch, prefix_len + gen_len), the prompt included.
        samples: a list of batch_size texts, those of all tokens in sample_ids.

    >>> sample_ids, samples = get_samples(HookedTransformer.from_pretrained(), "This is", batch_size=2, gen_len=3)
    >>> sample_ids.shape, [len(text) for text in samples] == [2]
    (torch.Size([2, 11]), False)
    """
    raise NotImplementedError("get_samples")


class HookedTransformerWithValueHead(HookedTransformer):
    """A language model that also says, at every position, what it expects the text to earn.

    The value head is a small network that reads what the model's last layer has made: the final LayerNorm's output at
    the hook point "ln_final.hook_normalized", which is get_act_name("normalized"). So the model runs once for both.

    (Older editions have TransformerWithValueHead(name) in its place: a module with `base_model`, made by
    HookedTransformer.from_pretrained(name), and `value_head`, whose forward returns logits and values. It is accepted.)
    """

    def __init__(self, *args, **kwargs) -> None:
        """Take what HookedTransformer takes, by position or by name. Then make self.value_head: an nn.Sequential of a
        linear layer from d_model to 4 d_model, a ReLU, and a linear layer to 1. The width is self.cfg.d_model.
        """
        raise NotImplementedError("HookedTransformerWithValueHead.__init__")

    def forward_with_value_head(
        self, input_ids: Int[Tensor, "batch seq"]
    ) -> tuple[Float[Tensor, "batch seq vocab"], Float[Tensor, "batch seq"]]:
        """Run the model, with a hook that shows the head what passes, and is not there any more afterwards.

        Returns:
            logits: shape (batch, seq, vocab), those of the model as it is.
            values: shape (batch, seq), also for a batch of one. Their gradients flow into the head and into the model.
        """
        raise NotImplementedError("HookedTransformerWithValueHead.forward_with_value_head")


# %% Training
def get_optimizer(model: HookedTransformerWithValueHead, base_lr: float, head_lr: float) -> torch.optim.Optimizer:
    """An optimizer that goes up: the objective is to be as large as possible. The new head may learn faster.

    It is Adam or AdamW of torch.optim, with its defaults but for the learning rates: head_lr for the parameters of
    model.value_head, base_lr for all others. Each is in one group only. Optimizers of torch have an option that turns
    down into up.

    (Older editions have get_optimizer(args, model), with args.base_learning_rate and args.head_learning_rate. Name the
    first parameter `args`, and that is what you get.)
    """
    raise NotImplementedError("get_optimizer")


def get_optimizer_and_scheduler(
    args: RLHFArgs, model: HookedTransformerWithValueHead
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """get_optimizer with args.base_lr and args.head_lr, and a schedule for it. scheduler.step() is called once a phase.

    Both learning rates are multiplied by the same factor. In phase n, counted from 0, it is

        n / warmup_steps                                 before warmup_steps: the first phase has the rate 0
        1 at warmup_steps, then on a straight line to final_scale in phase total_phases

    so that half way between warmup_steps and total_phases it is (1 + final_scale) / 2. The settings are those of args;
    warmup_steps is at least 0 and less than total_phases. torch.optim.lr_scheduler.LambdaLR does the rest.
    """
    raise NotImplementedError("get_optimizer_and_scheduler")


class ReplayMemory(Rollout):
    """The samples of one rollout, and what was found out about them: what a learning phase learns from.

    ReplayMemory(args, sample_ids, logprobs, advantages, values, ref_logits) keeps all of it, in the shapes of Rollout.
    """

    def get_minibatches(self) -> list[ReplayMinibatch]:
        """Cut the samples into minibatches, args.batches_per_learning_phase times, each time in a new random order.

        Each time, every one of the args.batch_size samples is in exactly one of args.num_minibatches minibatches of
        equal size. The samples are shuffled, never what is known of them: all parts of a minibatch are in the same
        order.

        Its returns are what the value head should have said: advantage plus value, at the positions before the
        generated tokens. These are the last gen_len of values but one: [:, -gen_len - 1 : -1].

        Returns:
            All minibatches, num_minibatches for the first time, then those for the next.
        """
        raise NotImplementedError("ReplayMemory.get_minibatches")


class RLHFTrainer(PhasedTrainer):
    """PPO on a language model: write texts, see what they earn, learn from them, again and again.

    PhasedTrainer has the loop, and self.args, self.model, self.ref_model and self.prefix_len. Logits and values are
    self.model.forward_with_value_head(tokens), the reference's logits self.ref_model(tokens).

    Source: Ziegler et al. (2019), "Fine-Tuning Language Models from Human Preferences".
    """

    def __init__(self, args: RLHFArgs) -> None:
        torch.manual_seed(args.seed)
        model = HookedTransformerWithValueHead.from_pretrained(args.base_model)
        ref_model = HookedTransformer.from_pretrained(args.base_model)
        super().__init__(args, model, ref_model, *get_optimizer_and_scheduler(args, model))

    def compute_rlhf_objective(self, minibatch: ReplayMinibatch) -> Scalar:
        """What the model is to maximise on a minibatch:

            clipped surrogate objective - value loss + entropy bonus - KL penalty

        each by your function, with args.clip_coef, vf_coef, ent_coef and kl_coef. Log-probabilities, values and logits
        are those of the model as it is now; all else is the minibatch's. Logits and values are of all positions: cut
        out the gen_len from which generated tokens are predicted, [:, -gen_len - 1 : -1]. (If your functions cut by
        prefix_len, hand them all.)

        Gradients flow into self.model, its value head included, and into nothing else.
        """
        raise NotImplementedError("RLHFTrainer.compute_rlhf_objective")

    def rollout_phase(self) -> ReplayMemory:
        """Let the model write, and find out all that the learning phase needs to know.

        1. get_samples from the model: args.batch_size of them, with args.prefix, gen_len, temperature, top_k and
           prepend_bos.
        2. args.reward_fn(samples) are their rewards; normalized by your function if args.normalize_reward.
        3. Log-probabilities of the generated tokens and values by the model, logits by the reference model. Nothing is
           learned here: no gradient is recorded.
        4. The advantages, by compute_advantages from the values and the rewards.

        Returns:
            A ReplayMemory of all of it.
        """
        raise NotImplementedError("RLHFTrainer.rollout_phase")


# %% Without a value head
# What a text is worth can also be seen by comparing it with others written to the same prompt: its group.
def grpo_advantages(
    rewards: Float[Tensor, " batch"], group_ids: Int[Tensor, " batch"], eps: float = 1e-6
) -> Float[Tensor, " batch"]:
    """How much better each text is than those of its group, in standard deviations of the group.

        A_i = (r_i - mean of the group of i) / (std of the group of i + eps)

    std is that of a sample: it divides by the size of the group - 1. Where all of a group earn the same there is
    nothing to learn: zeros. So it is for a group of one.

    Args:
        rewards: shape (batch,).
        group_ids: the group of each text, int64, shape (batch,): any numbers, in any order.
        eps: is added to the standard deviation; 1e-6 unless another number is given.

    Returns:
        Shape (batch,).

    >>> grpo_advantages(torch.tensor([1.0, 10.0, 3.0, 10.0]), torch.tensor([7, 0, 7, 0])).round(decimals=3)
    tensor([-0.7070,  0.0000,  0.7070,  0.0000])

    Source: Shao et al. (2024), "DeepSeekMath", section 4.1.2.
    """
    raise NotImplementedError("grpo_advantages")


class GrpoTrainer(RLHFTrainer):
    """GRPO: all samples of a phase answer one prompt and are one group. Nobody asks the value head.

    self.model(tokens) are the logits of the model, self.ref_model(tokens) those of the reference.

    Source: Shao et al. (2024), "DeepSeekMath", section 4.1 and algorithm 1.
    """

    def compute_rlhf_objective(self, minibatch: ReplayMinibatch) -> Scalar:
        """What the model is to maximise on a minibatch:

            clipped surrogate objective + entropy bonus - KL penalty

        as in RLHFTrainer, without values. calc_clipped_surrogate_objective may normalize the advantages once more.
        """
        raise NotImplementedError("GrpoTrainer.compute_rlhf_objective")

    def rollout_phase(self) -> ReplayMemory:
        """As in RLHFTrainer, but every generated token of a text has the same advantage: that of the text, by
        grpo_advantages from the rewards as they are. Values are not known: zeros, shape (batch, seq).
        """
        raise NotImplementedError("GrpoTrainer.rollout_phase")


# %% With few parameters
class Lora(nn.Module):
    """A low-rank change of a linear map, which is learned while the map itself stays as it is.

        out = (alpha / rank) · x A B,    A is d_in x rank and starts at random, B is rank x d_out and starts at zero

    At first, then, nothing is changed; and since A is not zero, B gets a gradient. Both zero would never learn.

    Source: Hu et al. (2021), "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1.
    """

    def __init__(
        self,
        d_in: int = 768,
        d_out: int = 768,
        rank: int = 4,
        lora_alpha: float = 32,
        n_inst: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Make A and B, two parameters and no more, whose names contain an A and a B. Either may be stored transposed.

        Args:
            d_in, d_out, rank: see above.
            lora_alpha: alpha. With alpha / rank the size of the change does not depend on the rank.
            n_inst: if given, there are so many maps side by side, such as the heads of a layer: A and B have a first
                axis of this length.
            dtype: of both; None is torch's default.
        """
        raise NotImplementedError("Lora.__init__")

    def forward(self, x: Float[Tensor, "... d_in"]) -> Float[Tensor, "... d_out"]:
        """(..., d_in) to (..., d_out). With n_inst (..., n_inst, d_in) to (..., n_inst, d_out), each by its own map;
        where x is (..., 1, d_in) all instances get the same.
        """
        raise NotImplementedError("Lora.forward")


class LoraHooks(AttentionHooks):
    """LoRA for the attention of every layer, from outside: hooks add to q, k, v and to the output what is learned.

    What there is when a hook of yours is called, and who calls it, stands in AttentionHooks: self.model, self.loras and
    self.inputs. LoraHooks(model)(tokens) are the logits of the model with all changes.
    """

    def __init__(self, model: HookedTransformer, rank: int = 4, lora_alpha: float = 32) -> None:
        super().__init__(model, lambda d_in, d_out, n_inst: Lora(d_in, d_out, rank, lora_alpha, n_inst))

    def parameters_to_train(self) -> list[nn.Parameter]:
        """Freeze the model: none of its parameters requires a gradient any more.

        Returns:
            All parameters of all loras, for an optimizer.
        """
        raise NotImplementedError("LoraHooks.parameters_to_train")

    def lora_hook_qkv(
        self, activation: Float[Tensor, "batch seq n_heads d_head"], hook: HookPoint
    ) -> Float[Tensor, "batch seq n_heads d_head"]:
        """What q, k or v (hook.name says which) becomes: the activation plus what its lora makes of its input.

        All heads read the same input: give it an axis of length 1 for them. A new tensor; the activation stays.
        """
        raise NotImplementedError("LoraHooks.lora_hook_qkv")

    def lora_hook_out(
        self, activation: Float[Tensor, "batch seq d_model"], hook: HookPoint
    ) -> Float[Tensor, "batch seq d_model"]:
        """What the output of a layer's attention becomes: the activation plus what its lora makes of its input."""
        raise NotImplementedError("LoraHooks.lora_hook_out")
