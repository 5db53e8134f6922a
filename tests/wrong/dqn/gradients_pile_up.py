# DQNTrainer: never sets gradients back; named: "Gradients add up from step to step."
import torch as t

device = t.device("cpu")


class DQNTrainer:
    def __init__(self, args):
        self.args = args

    def training_step(self, step):
        data = self.buffer.sample(self.args.batch_size, device)
        with t.inference_mode():
            target_max = self.target_network(data.next_obs).max(-1).values
        predicted = self.q_network(data.obs)[range(self.args.batch_size), data.actions]
        td_error = data.rewards + self.args.gamma * target_max * (1 - data.terminated.float()) - predicted
        loss = td_error.pow(2).mean()
        loss.backward()
        self.optimizer.step()
        if step % self.args.trains_per_target_update == 0:
            self.target_network.load_state_dict(self.q_network.state_dict())
