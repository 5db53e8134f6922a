"""The sections of the course, in study order. A section is one file of this name in each of the three folders."""

SECTIONS = (
    "tensors",
    "ray_tracing",
    "networks",
    "optimization",
    "backprop",
    "generative",
    "transformer",
    "interpretability",
    "representations",
    "circuits",
    "rl_basics",
    "dqn",
    "policy_gradient",
    "ppo",
    "rlhf",
    "alignment",
)
