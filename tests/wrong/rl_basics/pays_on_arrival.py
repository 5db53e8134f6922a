# Norvig: pays in the goal and the pit, not on the way in; named: "Goal and pit pay to who stays there, not to who comes in."
# ruff: noqa: E501
import numpy as np

from exercises.given.mdps import Environment


class Norvig(Environment):
    def __init__(self, penalty=-0.04):
        self.height, self.width, self.penalty = 3, 4, penalty
        self.walls = np.array([5])
        self.actions = np.array([[0, -1], [1, 0], [0, 1], [-1, 0]])
        super().__init__(12, 4, start=8, terminal=np.array([3, 7]))

    def dynamics(self, state, action):
        if state in self.terminal:
            return np.array([state]), np.array([1.0 if state == 3 else -1.0]), np.array([1.0])
        x, y = state % 4, state // 4
        states, probs = [], np.full(4, 0.1)
        probs[action] = 0.7
        for dx, dy in self.actions:
            inside = 0 <= x + dx < 4 and 0 <= y + dy < 3 and x + dx + 4 * (y + dy) != 5
            states.append(x + dx + 4 * (y + dy) if inside else state)
        return np.array(states), np.full(4, self.penalty), probs
