# Beams: strikes at every beam's ends in a beam that repeats; named: "Strikes what other beams said there, too."
from dataclasses import dataclass
from typing import Any

import torch as t
from torch import Tensor


@dataclass
class Beams:
    model: Any
    tokenizer: Any
    logprob_sums: Tensor
    tokens: Tensor

    def generate(self, k, no_repeat_ngram_size=None):
        logprobs = self.model(self.tokens)[:, -1].log_softmax(-1)
        best, ids = self.get_topk_non_repeating(logprobs, no_repeat_ngram_size, k)
        sums = (self.logprob_sums.unsqueeze(1) + best).flatten()
        longer = t.cat([self.tokens.repeat_interleave(k, dim=0), ids.reshape(-1, 1)], dim=1)
        return Beams(self.model, self.tokenizer, sums, longer)

    def filter(self, k):
        order = self.logprob_sums.argsort(descending=True)[:k]
        ended = self.tokens[order, -1] == self.tokenizer.eos_token_id
        parts = order[~ended], order[ended]
        return tuple(Beams(self.model, self.tokenizer, self.logprob_sums[i], self.tokens[i]) for i in parts)

    def get_topk_non_repeating(self, logprobs, no_repeat_ngram_size, k):
        n, seq = no_repeat_ngram_size, self.tokens.shape[1]
        if n is not None and seq >= n:
            last = self.tokens[:, seq - n + 1 :]
            for start in range(seq - n + 1):
                run = self.tokens[:, start : start + n]
                repeated = (run[:, :-1] == last).all(dim=1)
                rows = repeated.nonzero()
                logprobs[rows, run[:, -1]] = -t.inf
        return logprobs.topk(k, dim=-1)
