# get_board_states_and_legal_moves: asks the board too early; named: "Has legal moves before each move, not after it."
import torch

from exercises.given.othello import OthelloBoardState


def get_board_states_and_legal_moves(games_square):
    n, m = games_square.shape
    states = torch.zeros(n, m, 8, 8, dtype=torch.int32)
    legal = torch.zeros(n, m, 8, 8, dtype=torch.int32)
    for i in range(n):
        board = OthelloBoardState()
        for j in range(m):
            for k in board.get_valid_moves():
                legal[i, j, k // 8, k % 8] = 1
            board.umpire(games_square[i, j].item())
            states[i, j] = torch.from_numpy(board.state)
    return states, legal
