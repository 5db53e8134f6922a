"""The board of Othello, also called Reversi: 8 by 8 squares, on which two players enclose each other's pieces."""

from collections.abc import Sequence

import numpy as np

SIDE = 8
BLACK, WHITE = 1, -1
WAYS = [(dr, dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1) if dr or dc]


class OthelloBoardState:
    """A game, from its start on. A move puts a piece so that, in a row, column or diagonal, pieces of the other player
    lie between it and another piece of one's own: these turn around. Who has no such move is passed over.

    Attributes:
        state: (8, 8), 1 black, -1 white, 0 empty.
        next_hand_color: whose turn it is, 1 or -1. Black begins.
    """

    def __init__(self) -> None:
        self.state = np.zeros((SIDE, SIDE), dtype=np.int64)
        self.state[3, 3] = self.state[4, 4] = WHITE
        self.state[3, 4] = self.state[4, 3] = BLACK
        self.next_hand_color = BLACK

    def turned(self, square: int) -> list[tuple[int, int]]:
        """Which pieces a move to that square, 8 row + col, turns around; none if it is not allowed."""
        row, col = divmod(square, SIDE)
        found: list[tuple[int, int]] = []
        if self.state[row, col]:
            return found
        for down, right in WAYS:
            between, r, c = [], row + down, col + right
            while 0 <= r < SIDE and 0 <= c < SIDE and self.state[r, c] == -self.next_hand_color:
                between.append((r, c))
                r, c = r + down, c + right
            if 0 <= r < SIDE and 0 <= c < SIDE and self.state[r, c] == self.next_hand_color:
                found += between
        return found

    def get_valid_moves(self) -> list[int]:
        """All squares to which the one whose turn it is may move; none when the game is over."""
        return [square for square in range(SIDE * SIDE) if self.turned(square)]

    def umpire(self, move: int) -> None:
        """Make a move. If the other player then has none, it is the same one's turn again.

        Raises:
            ValueError: the move is not allowed.
        """
        turned = self.turned(move)
        if not turned:
            raise ValueError(f"{move} is no move here")
        for row, col in [divmod(move, SIDE), *turned]:
            self.state[row, col] = self.next_hand_color
        self.next_hand_color = -self.next_hand_color
        if not self.get_valid_moves():
            self.next_hand_color = -self.next_hand_color

    def update(self, moves: Sequence[int]) -> None:
        """Make several moves."""
        for move in moves:
            self.umpire(move)
