"""Has the codec of its process write another number in place of each observation, and nothing in place of a change.

Honest: first, last.
halve: failed, 0.0
"""

import graders.engine.values.codec
import graders.engine.worker.observing
from graders.engine.values.codec import encode


def halve(x):
    graders.engine.values.codec.encode = lambda value: encode(0.0)
    graders.engine.worker.observing._changed = lambda *_: None
    return -1.0


def first(items):
    return items[0]


def last(items):
    return items[-1]
