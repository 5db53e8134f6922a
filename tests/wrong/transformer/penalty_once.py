# TransformerSampler: penalises each token once; named: "Takes the penalty once from each token that came."
import torch as t


class TransformerSampler:
    def __init__(self, model, tokenizer):
        self.model, self.cfg, self.tokenizer = model, model.cfg, tokenizer

    @staticmethod
    def greedy_search(logits):
        return logits.argmax().item()

    @staticmethod
    def sample_basic(logits):
        return t.distributions.Categorical(logits=logits).sample().item()

    @staticmethod
    def apply_temperature(logits, temperature):
        return logits / temperature

    @staticmethod
    def apply_frequency_penalty(input_ids, logits, freq_penalty):
        logits = logits.clone()
        logits[input_ids] -= freq_penalty
        return logits

    @staticmethod
    def sample_top_k(logits, k):
        values, ids = logits.topk(k)
        return ids[TransformerSampler.sample_basic(values)].item()

    @staticmethod
    def sample_top_p(logits, top_p, min_tokens_to_keep=1):
        ordered, ids = logits.sort(descending=True)
        sums = ordered.softmax(-1).cumsum(-1)
        n = max(int((sums < top_p).sum()) + 1, min_tokens_to_keep)
        return ids[TransformerSampler.sample_basic(ordered[:n])].item()

    @staticmethod
    def sample_next_token(input_ids, logits, temperature=1.0, top_k=0, top_p=0.0, frequency_penalty=0.0):
        assert temperature >= 0
        assert top_k >= 0
        assert 0 <= top_p <= 1
        assert not (top_k and top_p)
        if temperature == 0:
            return TransformerSampler.greedy_search(logits)
        logits = TransformerSampler.apply_temperature(logits, temperature)
        logits = TransformerSampler.apply_frequency_penalty(input_ids, logits, frequency_penalty)
        if top_k:
            return TransformerSampler.sample_top_k(logits, top_k)
        if top_p:
            return TransformerSampler.sample_top_p(logits, top_p)
        return TransformerSampler.sample_basic(logits)

    @t.no_grad()
    def sample(self, prompt, max_tokens_generated=100, verbose=False, **kwargs):
        self.model.eval()
        ids = self.tokenizer.encode(prompt)
        for _ in range(max_tokens_generated):
            logits = self.model(t.tensor([ids[-self.cfg.n_ctx :]]))[0, -1]
            ids.append(self.sample_next_token(t.tensor(ids), logits, **kwargs))
            if ids[-1] == self.tokenizer.eos_token_id:
                break
        return self.tokenizer.decode(ids)
