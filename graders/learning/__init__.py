"""The learner's loop: the diary, hints, solutions, progress, a fresh start.

Runs in the deciding process. May import the engine and reports; knows no command.
"""
