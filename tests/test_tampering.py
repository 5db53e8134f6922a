"""No trick of a submission earns points, and what it tampers with costs nobody else."""

from textwrap import dedent

import pytest
from command import COURSE
from conftest import GradeText, checks_of

RIGHT = (COURSE / "reference" / "small.py").read_text("utf-8") + "\n\n"
# Where a worker keeps the connection to the grader, found as a submission would.
FIND_CONNECTION = """
import gc, os, socket, struct, sys
def connections(): return [thing for thing in gc.get_objects() if isinstance(thing, socket.socket)]
"""


# %% Points


@pytest.mark.parametrize(
    "trick",
    [
        """
        class Yes:
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __bool__(self): return True
            def __float__(self): raise SystemExit
        def halve(x): return Yes()
        """,
        """
        class Yes(float):
            def __eq__(self, other): return True
            __class__ = float
        def halve(x): return Yes(-1)
        """,
        """
        class Liar:
            __class__ = float
            def __float__(self): return 0.5
        def halve(x): return Liar()
        """,
        """
        class Always(np.ndarray):
            def __array_function__(self, *_): return True
            def __array_ufunc__(self, *_, **__): return True
            dtype = np.dtype(float)
        def halve(x): return np.zeros(()).view(Always)
        """,
        """
        np.allclose = np.array_equal = np.isclose = lambda *_, **__: True
        def halve(x): return np.float64(-1)
        """,
        """
        import builtins
        builtins.abs = builtins.all = builtins.any = lambda *_: True
        def halve(x): return -1.0
        """,
        """
        import graders.engine.comparing.comparison, graders.engine.comparing.judging
        graders.engine.comparing.judging.Rule.failure = lambda *_: None
        graders.engine.comparing.comparison.difference = lambda *_: None
        def halve(x): return -1.0
        """,
        """
        import graders.engine.values.codec
        graders.engine.values.codec.encode = lambda *_: b""
        def halve(x): return -1.0
        """,
        """
        import graders.engine.worker.observing, graders.engine.worker.worker
        from graders.engine.values.messages import Seen
        graders.engine.worker.worker.observe = graders.engine.worker.observing.observe = lambda *_: Seen(b"", None)
        def halve(x): return -1.0
        """,
        """
        import graders.engine.worker.worker
        graders.engine.worker.worker.Task = dict
        def halve(x): return -1.0
        """,
        """
        import inspect
        def halve(x):
            for frame in inspect.stack():
                for name, value in frame.frame.f_locals.items():
                    if "expected" in name: return value
            return -1.0
        """,
        """
        def halve(x):
            from reference.small import halve
            return halve(x)
        """,
        f"""
        def halve(x): return open({str(COURSE / "reference" / "small.py")!r}).read()
        """,
        """
        def halve(x):
            for connection in connections():
                body = b"\\xc2"
                connection.send(struct.pack("<IB", len(body), 7) + body)
            os._exit(0)
        """,
        """
        def halve(x): raise AssertionError("passed")
        """,
        """
        import hypothesis
        def halve(x): hypothesis.reject()
        """,
        """
        import pytest
        def halve(x): pytest.skip("not today")
        """,
        """
        def halve(x): raise NotImplementedError
        """,
        """
        __name__ = "__main__"; __all__ = ["halve"]; score = points = 100
        def halve(x): return None
        """,
    ],
)
def test_no_trick_earns_points(grade_text: GradeText, trick: str):
    result = grade_text(f"{RIGHT}{FIND_CONNECTION}\n{dedent(trick)}")
    check = checks_of(result)["halves_numbers"]
    assert check.status != "passed"
    assert check.score == 0


# %% Neighbours


@pytest.mark.parametrize(
    "act",
    [
        "np.allclose = np.array_equal = np.sum = np.ndarray = np.float64 = None",
        "import builtins; builtins.len = builtins.isinstance = builtins.getattr = builtins.type = lambda *_: 3",
        "import builtins; vars(builtins).clear()",
        "import sys; sys.modules.clear()",
        "import sys; m = sys.modules; m['graders.engine.values.codec'] = m['graders.engine.worker.observing'] = None",
        "import sys; sys.stdout = sys.stderr = sys.__stdout__ = None",
        "import sys; sys.stdout.close(); sys.stdout.write = None",
        "import sys; sys.settrace(lambda *_: 1 / 0); sys.setprofile(lambda *_: 1 / 0)",
        "import sys; sys.setrecursionlimit(50)",
        "import sys; sys.path.clear(); sys.meta_path.clear()",
        "import sys; sys.excepthook = sys.unraisablehook = sys.displayhook = None",
        "import atexit; atexit.register(lambda: 1 / 0)",
        "import os; os.chdir('/'); os.environ.clear(); os.umask(0o777)",
        "import os; os.write = os._exit = os.getpid = None",
        "import os; os.close(0); os.close(1); os.close(2)",
        "import signal; signal.setitimer(signal.ITIMER_REAL, 0.01)",
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))",
        "import time; time.monotonic = time.time = time.perf_counter = lambda: None",
        "import random; random.seed = random.random = None",
        "np.random.seed = None",
        "import threading; threading.active_count = lambda: -1",
        "import threading; [threading.Thread(target=print, args=('x' * 1000,)).start() for _ in range(20)]",
        "import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()",
        "import gc; gc.disable(); gc.freeze(); gc.callbacks.append(lambda *_: 1 / 0)",
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (0, 0))",
        "import warnings; warnings.simplefilter('error'); warnings.warn = None",
        "import faulthandler; faulthandler.dump_traceback_later(0.01, exit=True)",
        "import tempfile, os; open('big', 'wb').write(bytes(2**20)); os.mkdir('d'); os.symlink = None",
        "import graders.engine.values.channel; graders.engine.values.channel.Channel.send = lambda *_: None",
        "import graders.engine.worker.worker; graders.engine.worker.worker.observe = None",
        "import graders.engine.worker.sandbox; graders.engine.worker.sandbox.restrict = None",
        "globals().clear()",
        "globals()['first'] = globals()['last'] = globals()['Counter'] = None",
        "[connection.close() for connection in connections()]",
        "[os.write(connection.fileno(), b'garbage' * 1000) for connection in connections()]",
        "[os.write(n, b'garbage') for n in range(3, 64) if os.path.exists(f'/proc/self/fd/{n}')]",
        "os.closerange(0, 10_000)",
    ],
)
def test_tampering_costs_no_other_exercise(grade_text: GradeText, act: str):
    source = f"{RIGHT}{FIND_CONNECTION}\ndef countdown(n):\n    {act}\n    return list(range(n, 0, -1))\n"
    result = grade_text(source, explain=False)
    lost = {exercise.name for exercise in result.exercises if exercise.status != "passed"}
    assert lost <= {"countdown"}


@pytest.mark.parametrize(
    "act",
    [
        "np.allclose = np.array_equal = lambda *_: False",
        "time.monotonic = time.time = lambda: 0.0",
        "sys.stdin = sys.stdout = sys.stderr = None",
        "handler = signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "here = os.chdir('/')",
        "exit_hook = atexit.register(print, 'bye')",
        "filters = warnings.simplefilter('error')",
    ],
)
def test_tampering_at_load_need_not_cost_anything(grade_text: GradeText, act: str):
    result = grade_text(f"{RIGHT}import atexit, os, signal, sys, time, warnings\n{act}\n")
    assert result.warnings == ()
    assert result.score == result.points


def test_right_answers_pass_after_all_that(grade_text: GradeText):
    result = grade_text(RIGHT)
    assert result.score == result.points
