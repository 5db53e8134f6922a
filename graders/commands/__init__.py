"""What `python grade.py` does: a module for each command, `cli.py` chooses, `options.py` has what they share.

Runs in the deciding process. May import everything.
"""
