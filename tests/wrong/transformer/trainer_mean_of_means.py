# TransformerTrainer: the mean over batches; named: "Averages the shares of batches, though they differ in size."
import torch


class TransformerTrainer:
    def training_step(self, batch):
        tokens = batch["tokens"]
        log_probs = self.model(tokens)[:, :-1].log_softmax(-1).gather(2, tokens[:, 1:, None])
        loss = -log_probs.mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    @torch.no_grad()
    def evaluate(self):
        mode = self.model.training
        self.model.eval()
        shares = []
        for batch in self.test_loader:
            tokens = batch["tokens"]
            shares.append((self.model(tokens)[:, :-1].argmax(-1) == tokens[:, 1:]).float().mean())
        self.model.train(mode)
        return torch.stack(shares).mean().item()
