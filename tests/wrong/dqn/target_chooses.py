# double_dqn_targets: both from the target network; named: "The target network chooses too: that is td_targets."
import torch as t


def double_dqn_targets(rewards, terminated, next_q_online, next_q_target, gamma):
    with t.no_grad():
        actions = next_q_target.argmax(dim=1, keepdim=True)
        values = next_q_target.gather(1, actions).squeeze(1)
        return rewards + gamma * values * (1 - terminated.float())
