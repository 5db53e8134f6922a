"""The learner's loop: hints, a fresh start.

Runs in the deciding process. May import the engine and reports; knows no command.
"""
