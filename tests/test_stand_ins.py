"""Libraries that answers only decorate themselves with, and ARENA's earlier parts, have stand-ins."""

import gymnasium
import pytest
import torch
from conftest import Load

from exercises.given.hooked import HookPoint


@pytest.mark.parametrize(
    "text",
    [
        "from tqdm import tqdm\nf = lambda: list(tqdm(range(3), desc='x'))",
        "import tqdm.auto as bars\nf = lambda: [i for i in bars.tqdm([0, 1, 2])]",
        "from tqdm.notebook import trange\nf = lambda: list(trange(3))",
        "from tqdm import tqdm\ndef f():\n    with tqdm(range(3)) as bar:\n        bar.set_description('x')\n"
        "        return list(bar)",
        "import wandb\nwandb.init(project='x', config={})\ndef f():\n    wandb.log({'a': 1})\n    return [0, 1, 2]",
        "from beartype import beartype\nfrom beartype.typing import List\n@beartype\n"
        "def f() -> List[int]: return [0, 1, 2]",
        "from torchvision import models\ndef f(net: models.resnet.ResNet = None): return [0, 1, 2]",
        "from plotly_utils import line\nimport plotly.express as px\n"
        "def f():\n    line([1]).show()\n    return [0, 1, 2]",
        "from IPython.display import display, HTML\ndef f():\n    display(HTML('x'))\n    return [0, 1, 2]",
        "import torch\n@torch.compile\ndef f(): return [0, 1, 2]",
        "import torch\n@torch.compile(mode='max-autotune')\ndef f(): return [0, 1, 2]",
    ],
)
def test_what_only_decorates_does_nothing(load: Load, text: str) -> None:
    module, loaded = load(text)
    assert module.f() == [0, 1, 2]
    assert loaded.troubles == ()


@pytest.mark.parametrize(
    "text",
    [
        "import part2_cnns.solutions as solutions\nfound = solutions.Linear",
        "from part2_cnns.solutions import Linear as found, ReLU",
        "from part2_cnns.solutions import *\nfound = Linear",
        "from solutions import Linear\nfound = Linear",
        "import chapter0_fundamentals.exercises.part2_cnns.solutions_bonus as b\nfound = b.Linear",
    ],
)
def test_layers_of_earlier_parts_are_those_of_pytorch(load: Load, text: str) -> None:
    module, loaded = load(text)
    assert module.found is torch.nn.Linear
    assert loaded.troubles == ()


@pytest.mark.parametrize(
    "text",
    [
        "from transformer_lens import HookPoint as found, patching, loading_from_pretrained as loading",
        "from transformer_lens.hook_points import HookPoint as found",
        "from transformer_lens import utils, HookedRootModule\nfound = utils.HookPoint\nutils.test_prompt('a')",
        "import transformer_lens.utils as utils\nfound = utils.HookPoint",
        "import transformer_lens\nfound = transformer_lens.hook_points.HookPoint",
    ],
)
def test_transformer_lens_has_what_is_lent(load: Load, text: str) -> None:
    module, loaded = load(text, lent={"HookPoint": "exercises.given.hooked.HookPoint"})
    assert module.found is HookPoint
    assert loaded.troubles == ()


def test_einsum_with_the_pattern_in_front(load: Load) -> None:
    module, _ = load("from fancy_einsum import einsum\nf = lambda a, b: einsum('row mid, mid col -> col row', a, b)")
    a, b = torch.arange(6.0).reshape(2, 3), torch.arange(12.0).reshape(3, 4)
    assert torch.equal(module.f(a, b), (a @ b).T)


def test_elements_picked_by_an_index_tensor(load: Load) -> None:
    module, _ = load("from eindex import eindex")
    values, tokens = torch.arange(24.0).reshape(2, 3, 4), torch.tensor([[0, 1, 3], [2, 2, 0]])
    picked = values.gather(2, tokens[:, :, None])[:, :, 0]
    assert torch.equal(module.eindex(values, tokens, "b s [b s]"), picked)
    assert torch.equal(module.eindex(values, tokens, "b s [b s] -> s b"), picked.T)
    shifted = values[:, :-1].gather(2, tokens[:, 1:, None])[:, :, 0]
    assert torch.equal(module.eindex(values, tokens, "b s [b s+1]"), shifted)


def test_what_an_earlier_part_alone_knows_costs_its_name_only(load: Load) -> None:
    module, loaded = load(
        "from part1.solutions import Linear, train, ReLU\nimport part1.solutions as s\nf = lambda: s.x"
    )
    assert (module.Linear, module.ReLU) == (torch.nn.Linear, torch.nn.ReLU)
    assert loaded.lost.keys() == {"train"}
    with pytest.raises(AttributeError, match=r"x comes from part1\.solutions, which is not here"):
        module.f()


def test_who_has_an_answer_of_its_own_in_case_is_let_have_it(load: Load) -> None:
    text = "try:\n    from part1.solutions import train\nexcept ImportError:\n    def train(): return 1"
    module, loaded = load(text)
    assert module.train() == 1
    assert loaded.troubles == ()


def test_names_that_a_section_lends_belong_to_earlier_parts(load: Load) -> None:
    module, _ = load("from part1.solutions import root", lent={"root": "math.sqrt"})
    assert module.root(4) == 2


@pytest.mark.parametrize(
    "text",
    [
        "import gym\nfound = gym.spaces.Discrete, gym.vector.SyncVectorEnv",
        "from gym.spaces import Discrete\nfrom gym import vector\nfound = Discrete, vector.SyncVectorEnv",
        "import gym.spaces as s, gym.vector\nfound = s.Discrete, gym.vector.SyncVectorEnv",
    ],
)
def test_gym_is_gymnasium(load: Load, text: str) -> None:
    module, loaded = load(text)
    assert module.found == (gymnasium.spaces.Discrete, gymnasium.vector.SyncVectorEnv)
    assert loaded.troubles == ()


def test_what_gym_had_and_gymnasium_has_not_costs_its_name_only(load: Load) -> None:
    module, loaded = load("import gym\nclass Own(gym.Env): pass\nfrom gym.monitoring import Video")
    assert issubclass(module.Own, gymnasium.Env)
    assert loaded.lost.keys() == {"Video"}


def test_libraries_may_ask_whether_something_is_a_class_of_a_stand_in(load: Load) -> None:
    module, loaded = load(
        "import pandas as pd\nfrom sklearn.metrics import roc_auc_score\n"
        "def f(): return float(roc_auc_score([0, 1, 1], [0.1, 0.9, 0.4])), isinstance(1, pd.DataFrame)\n"
        "table = pd.DataFrame({'a': [1]}).describe()\nother = pd.Series.rolling\nclass Own(pd.DataFrame): pass\n"
    )
    assert module.f() == (1.0, False)
    assert loaded.troubles == ()


def test_a_library_that_is_installed_is_itself(load: Load) -> None:
    module, _ = load("import einops, json")
    assert module.einops.rearrange
    assert module.json.loads("1") == 1


def test_any_other_missing_library_costs_what_needs_it(load: Load) -> None:
    _, loaded = load("import nowhere_at_all")
    assert [trouble.names for trouble in loaded.troubles] == [("nowhere_at_all",)]


@pytest.mark.parametrize(
    "text",
    [
        "table = {}\nfor x in (1, 2):\n    table[x] = x",
        "class T(dict):\n    def add(self, k, v): self[k] = v\ntable = T()\nfor x in [1, 2]:\n    table.add(x, x)",
        "table = {}\nfor x in (1, 2):\n    for y in (x,):\n        z = y\n        table[y] = z",
    ],
)
def test_loops_that_fill_a_table_are_executed(load: Load, text: str) -> None:
    module, loaded = load(text)
    assert module.table == {1: 1, 2: 2}
    assert loaded.troubles == ()


@pytest.mark.parametrize(
    "text",
    [
        "for x in (1, 2):\n    print(x)",
        "table = {}\nfor x in (1, 2):\n    table[x] = x\n    print(x)",
        "class M:\n    def step(self): global touched; touched = True\nm = M()\nfor _ in range(3):\n    m.step()",
    ],
)
def test_other_loops_are_not(load: Load, text: str) -> None:
    module, _ = load(text)
    assert not hasattr(module, "x")
    assert not hasattr(module, "touched")


def test_the_recursion_limit_is_set(load: Load) -> None:
    import sys

    before = sys.getrecursionlimit()
    try:
        load("import sys\nsys.setrecursionlimit(5432)")
        assert sys.getrecursionlimit() == 5432
    finally:
        sys.setrecursionlimit(before)


def test_a_branch_that_was_not_taken_is_not_the_last_word(load: Load) -> None:
    text = "import sys\nif sys.version_info >= (3, 8):\n    def f(x): return x\nelse:\n    def f(x): pass"
    module, loaded = load(text, exercises=("f",), stub="def f(x): raise NotImplementedError('f')")
    assert module.f(1) == 1
    assert loaded.unattempted == frozenset()
    assert loaded.lines["f"] == 3


def test_an_exercise_that_is_taken_from_an_earlier_part_is_not_written(load: Load) -> None:
    _, loaded = load("from part1.solutions import Linear\nclass Net(Linear): pass")
    assert loaded.lines.keys() == {"Net"}
