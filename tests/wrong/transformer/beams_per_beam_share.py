# Beams: log_softmax over what is kept; named: "Renormalises over the k tokens that are kept; probabilities are those among all tokens."
# ruff: noqa: E501
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class Beams:
    model: nn.Module
    tokenizer: object
    logprob_sums: Tensor
    tokens: Tensor

    def get_topk_non_repeating(self, logprobs, no_repeat_ngram_size, k):
        if no_repeat_ngram_size is not None:
            n = no_repeat_ngram_size
            for row, tokens in zip(logprobs, self.tokens.tolist(), strict=True):
                last = tokens[len(tokens) - n + 1 :]
                for i in range(len(tokens) - n + 1):
                    if tokens[i : i + n - 1] == last:
                        row[tokens[i + n - 1]] = -torch.inf
        return logprobs.topk(k)

    def generate(self, k, no_repeat_ngram_size=None):
        logits, ids = self.get_topk_non_repeating(self.model(self.tokens)[:, -1], no_repeat_ngram_size, k)
        sums = self.logprob_sums[:, None] + logits.log_softmax(-1)
        tokens = torch.cat([self.tokens.repeat_interleave(k, 0), ids.reshape(-1, 1)], 1)
        return Beams(self.model, self.tokenizer, sums.flatten(), tokens)

    def filter(self, k):
        order = self.logprob_sums.argsort(descending=True)[:k]
        sums, tokens = self.logprob_sums[order], self.tokens[order]
        ended = tokens[:, -1] == self.tokenizer.eos_token_id
        return tuple(Beams(self.model, self.tokenizer, sums[mask], tokens[mask]) for mask in (~ended, ended))
