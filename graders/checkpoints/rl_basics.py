"""The checkpoint of `rl_basics`: the learner's agents walk along a cliff, and play with many bandits.

The evidence is a table of values and all actions. The deciding side follows the table in gymnasium's own environment,
replays the actions there, and knows the means of the arms, which no agent has seen.
"""

import gymnasium as gym
import numpy as np

from exercises.given.agents import AgentConfig, Experience
from graders.engine import Criterion, as_array, checkpoint, edit

SEEDS, EPISODES, BIN = 5, 300, 10  # runs of each agent, episodes of a run, episodes of a point of the curve
LATE = 100  # episodes of a run, the last ones, that count
BANDITS, ARMS, PULLS = 200, 10, 500
HEIGHT, WIDTH, START, GOAL = 4, 12, 36, 47
CONFIG = AgentConfig(epsilon=0.1, lr=0.5)
MOST = 300  # steps of an episode
UPPER, LOWER, LEFT, RIGHT = slice(0, 2), slice(2, 4), slice(0, 1), slice(2, 3)
ARROWS = (  # head and tail of up, right, down and left, in four by four dots
    ((UPPER, slice(1, 2)), (LOWER, slice(1, 2))),
    ((LOWER, RIGHT), (LOWER, slice(0, 2))),
    ((LOWER, slice(1, 2)), (UPPER, slice(1, 2))),
    ((LOWER, LEFT), (LOWER, slice(1, 3))),
)
WALKERS = ("QLearning", "SARSA")
PLAYERS = {"epsilon-greedy": ("RewardAveraging", 0.1, 0.0), "UCB": ("UCBActionSelection", 1.0)}


def data(seed):
    """What every pull of every arm of every bandit would pay; the means are kept."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(BANDITS, ARMS))
    pays = means[:, None] + rng.normal(size=(BANDITS, PULLS, ARMS))  # (bandit, pull, arm)
    return {"pays": pays, "seed": seed}, means


def cliff():
    """gymnasium's cliff, without wrappers that look after what is given to it."""
    return gym.make("CliffWalking-v1").unwrapped


def walked(agent, env, seed):
    """One episode: the actions and the sum of the rewards. Each action is chosen before the step to it is learned from,
    and is then taken, as SARSA needs it; Q-learning does not mind.
    """
    obs, _ = env.reset(seed=seed)
    act, acts, total, over = int(agent.get_action(obs)), [], 0.0, False
    while not over and len(acts) < MOST:
        acts.append(act)
        new_obs, reward, over, _, _ = env.step(act)
        act = int(agent.get_action(new_obs))
        agent.observe(Experience(obs, acts[-1], reward, new_obs, act))
        obs, total = new_obs, total + reward
    return acts, total


def replayed(acts, episodes):
    """The return of each episode, if these are the actions of all of them."""
    env, left, found = cliff(), iter(acts), []
    for _ in range(episodes):
        env.reset(seed=0)
        total, over, steps = 0.0, False, 0
        while not over and steps < MOST:
            _, reward, over, _, _ = env.step(int(next(left)))
            total, steps = total + reward, steps + 1
        found.append(total)
    return np.array(found)


def followed(q):
    """The states on the way of the best actions by q, and what it earns; no longer than there are states."""
    env = cliff()
    way, total, over = [env.reset(seed=0)[0]], 0.0, False
    while not over and len(way) <= HEIGHT * WIDTH:
        obs, reward, over, _, _ = env.step(int(q[way[-1]].argmax()))
        total += reward
        way.append(int(obs))
    return way, total if over else -np.inf


def score(evidence, means):
    """The way by Q-learning's table, what both agents earned while they learned, and what was missed at the bandits."""
    greedy = followed(as_array(evidence, "Q", HEIGHT * WIDTH, 4))[1]
    late = {}
    for name in WALKERS:
        runs = [replayed(acts.tolist(), EPISODES)[-LATE:] for acts in evidence[name]]
        late[name] = np.mean(runs[:SEEDS]) if len(runs) == SEEDS else -np.inf
    missed = {}
    for name in PLAYERS:
        arms = as_array(evidence, name, BANDITS, PULLS).astype(int)
        missed[name] = (means.max(axis=1, keepdims=True) - np.take_along_axis(means, arms, axis=1)).sum(axis=1).mean()
    return [
        Criterion("return of Q-learning's best actions", greedy, at_least=-13.0, at_most=-13.0),
        Criterion("SARSA's return as it learns", late["SARSA"], at_least=-45.0),
        Criterion("… above Q-learning's by", late["SARSA"] - late["QLearning"], at_least=8.0),
        Criterion("UCB's regret / epsilon-greedy's", missed["UCB"] / missed["epsilon-greedy"], at_most=0.9),
    ]


def map_of_the_way(evidence):
    """The field, four by four dots a state: the cliff, the goal, and where the best action by Q-learning's table leads
    from each other state, the head of the arrow brighter than its tail. The way from the start is the brightest.
    """
    q = np.asarray(evidence["Q"])
    way, _ = followed(q)
    picture = np.zeros((HEIGHT, 4, WIDTH, 4))  # a character of the terminal is two dots high
    for state in range(HEIGHT * WIDTH):
        row, column = divmod(state, WIDTH)
        cell = picture[row, :, column]
        if START < state <= GOAL:
            cell[:] = 1.0 if state == GOAL else 0.2
            continue
        bright = 1.0 if state in way else 0.6
        head, tail = ARROWS[int(q[state].argmax())]
        cell[tail] = bright / 2
        cell[head] = bright
    return picture.reshape(4 * HEIGHT, 4 * WIDTH)


@checkpoint(data=data, score=score, steps=2 * EPISODES // BIN, picture=map_of_the_way)
def walks_along_a_cliff(solution, pays, seed):
    """Your QLearning and SARSA learn to walk along a cliff. Q-learning finds the shortest way, right at the edge;
    SARSA, which knows that it stumbles, keeps away and earns more while it learns. Then your RewardAveraging and
    UCBActionSelection play with 200 bandits, where UCB should miss less. The picture is Q-learning's way.
    """
    env, evidence = cliff(), {}
    for name in WALKERS:
        agents = [getattr(solution, name)(env, CONFIG, 1.0, 100 * seed + number) for number in range(SEEDS)]
        acts, recent = [[] for _ in agents], []
        for episode in range(EPISODES):
            for agent, done in zip(agents, acts, strict=True):
                new, total = walked(agent, env, episode)
                done += new
                recent.append(total)
            if (episode + 1) % BIN == 0:
                yield name, float(np.mean(recent))
                recent = []
        evidence[name] = [np.array(done, dtype=np.int8) for done in acts]
        if name == "QLearning":
            evidence["Q"] = np.array(agents[0].Q)
    for name, (kind, *settings) in PLAYERS.items():
        arms = np.zeros((BANDITS, PULLS), dtype=np.int8)
        for number, rows in enumerate(pays):
            agent = getattr(solution, kind)(ARMS, number, *settings)
            for pull, row in enumerate(rows):
                arms[number, pull] = arm = int(agent.get_action())
                agent.observe(arm, row[arm], {"best_arm": 0})
        evidence[name] = arms
    return evidence


walks_along_a_cliff.mistake(
    "QLearning",
    "It looks for the best action in the state it comes from.",
    edit("self.Q[exp.new_obs].max()", "self.Q[exp.obs].max()"),
)
walks_along_a_cliff.mistake(
    "SARSA",
    "It learns from the best next action, as Q-learning does.",
    edit("self.Q[exp.new_obs, exp.new_act]", "self.Q[exp.new_obs].max()"),
)
walks_along_a_cliff.mistake(
    "UCBActionSelection",
    "Time stands still: the logarithm of 1 is 0, and there is no bonus.",
    edit("self.t += 1", "self.t += 0"),
)
walks_along_a_cliff.mistake(
    "EpsilonGreedy",
    "It explores when it should exploit.",
    edit("self.rng.random() < self", "self.rng.random() > self"),
)
