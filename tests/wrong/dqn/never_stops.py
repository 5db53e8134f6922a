# linear_schedule: has no end; named: "Is not stopped at end_e: it goes on falling, below zero in the end."
def linear_schedule(current_step, start_e, end_e, exploration_fraction, total_timesteps):
    duration = exploration_fraction * total_timesteps
    slope = (end_e - start_e) / duration
    return start_e + slope * current_step
