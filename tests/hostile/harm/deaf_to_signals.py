"""Blocks and ignores every signal, stops itself, and waits.

Honest: first, last.
countdown: timed_out, no answer within 1 second
"""

import os
import signal

CATCHABLE = set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}


def countdown(n):
    for number in CATCHABLE:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, CATCHABLE)
    os.kill(os.getpid(), signal.SIGSTOP)
    while True:
        signal.sigwait([signal.SIGUSR1])


def first(items):
    return items[0]


def last(items):
    return items[-1]
