"""Small changes of a text: for the audit, and for explaining.

Runs in the deciding process; works on text and runs nothing. May import `authoring` and what is below.
"""
