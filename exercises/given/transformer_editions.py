"""What answers to other editions of the curriculum need: names that they take from their surroundings, which the grader
lends, and ways to ask the same of all of them.

The names stand for GPT-2, its tokenizer, a data set and libraries that are not here. None does an exercise's work.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from exercises.given.transformer_examples import ToyModel
from exercises.given.transformers import CharTokenizer, Config


class Batches(list):
    """Batches to loop over. Called, it is itself, for answers whose loaders are methods."""

    def __call__(self) -> "Batches":
        """Itself."""
        return self


class Descent:
    """Plain gradient descent, with the methods of an optimizer. The first use of one of torch takes seconds."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float):
        """Keep what is to be stepped."""
        self.parameters, self.lr = list(parameters), lr

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Go down, in place."""
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter -= self.lr * parameter.grad


def trainer(kind: type, model: nn.Module, tokens: Sequence[Tensor], lr: float = 1.0) -> Any:
    """A trainer that is made without its __init__, which may load data: with plain descent, and batches of tokens."""
    made = kind.__new__(kind)
    if isinstance(made, nn.Module):
        nn.Module.__init__(made)
    batches = Batches({"tokens": each} for each in tokens)
    made.model, made.train_loader, made.test_loader, made.step = model, batches, batches, 0
    made.args = SimpleNamespace(batch_size=2, epochs=1, max_steps_per_epoch=9, lr=lr, weight_decay=0.0)
    made.optimizer = Descent(model.parameters(), lr)
    return made


def training_step(made: Any, batch: dict[str, Tensor]) -> float:
    """The loss of one step. Where the trainer is of Lightning, backward and step are done for it, as Lightning does."""
    if not hasattr(made, "configure_optimizers"):
        return torch.as_tensor(made.training_step(batch)).item()
    loss = made.training_step(batch, 0)
    made.optimizer.zero_grad()
    loss.backward()
    made.optimizer.step()
    return loss.item()


def accuracy(made: Any) -> float:
    """What evaluate() says. In older answers it is the mean of what validation_step says of each token of each batch,
    with the mode of the model seen to by who calls it.
    """
    if hasattr(made, "evaluate"):
        return float(made.evaluate())
    more = (0,) if hasattr(made, "configure_optimizers") else ()
    was_training, found = made.model.training, []
    made.model.eval()
    with torch.no_grad():
        for batch in made.test_loader:
            share = torch.as_tensor(made.validation_step(batch, *more)).float().mean()
            found.append((share, batch["tokens"][:, 1:].numel()))
    made.model.train(was_training)
    return float(sum(share * count for share, count in found) / sum(count for _, count in found))


def search(solution: Any, model: nn.Module, tokenizer: Any, *arguments: Any) -> list[tuple[float, str]]:
    """What beam_search finds, the best first, without the token that ends texts. It may be a method of the sampler."""
    found, sampler = solution.beam_search, SimpleNamespace(model=model, tokenizer=tokenizer, cfg=model.cfg)
    if isinstance(found, type):
        found, sampler = found.beam_search, found(model, tokenizer)
    try:
        pairs = found(sampler, *arguments)
    except IndexError:  # in 2023 no_repeat_ngram_size was 0 where it was not given, and not all can do with that
        pairs = found(sampler, *arguments, *(None,) * (len(arguments) == 4))
    texts = [(float(sum_), text if isinstance(text, str) else tokenizer.decode(text)) for sum_, text in pairs]
    return sorted(((sum_, text.removesuffix(tokenizer.eos_token)) for sum_, text in texts), reverse=True)


cfg = Config()
tokenizer = CharTokenizer("".join(map(chr, range(32, 127))) + "\n", eos="\n")
model = ToyModel(seed=0, d_vocab=len(tokenizer))
reference_gpt2 = SimpleNamespace(
    cfg=cfg,
    tokenizer=tokenizer,
    to_tokens=partial(tokenizer.encode, return_tensors="pt"),
    to_string=tokenizer.decode,
    to_str_tokens=list,
    state_dict=dict,
)
dataset_dict = {  # nothing is computed here: who imports this may be forked, and torch's threads are not
    part: Batches({"tokens": torch.arange(start, start + 8)} for start in range(8)) for part in ("train", "test")
}
gelu_new = partial(nn.functional.gelu, approximate="tanh")
utils = SimpleNamespace(gelu_new=gelu_new, to_numpy=lambda tensor: tensor.detach().cpu().numpy())
