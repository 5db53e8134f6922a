"""What the author of a section writes with: sections, judges, strategies, closing experiments, stubs.

Runs in the deciding process. May import `comparing` and what is below.
"""
