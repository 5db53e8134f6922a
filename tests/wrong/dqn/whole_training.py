# linear_schedule: falls over all steps; named: "Takes all steps to arrive; the exploring is over after a fraction of them."
# ruff: noqa: E501
def linear_schedule(current_step, start_e, end_e, exploration_fraction, total_timesteps):
    frac = min(1.0, current_step / total_timesteps)
    return start_e * (1 - frac) + end_e * frac
