"""Grades the grader: are its verdicts right on answers of which the verdict is known?

Runs in the deciding process. May import every other folder of the engine.
"""
