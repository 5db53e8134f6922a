"""Where in the learner's own text the fault is: small changes of it, and which of them makes every check pass.

Runs in the deciding process; the changed texts run where learners' code runs. May import `explaining` and what is
below; knows nothing of the reference but the values that are expected.
"""
