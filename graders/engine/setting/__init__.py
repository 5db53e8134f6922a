"""Papers: inputs are drawn, the reference's observations are taken, and both are kept on disk.

Runs in the deciding process. May import `sitting` and what is below.
"""
