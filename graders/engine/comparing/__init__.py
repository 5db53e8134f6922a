"""Do two observations agree, and how do they differ in words.

Runs in the deciding process. May import `values`.
"""
