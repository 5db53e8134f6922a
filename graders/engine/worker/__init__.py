"""The other side: the forkserver, the sandbox, loading a submission, running probes on it.

Runs beside learners' code and is not trusted. May import `values` only: nothing that knows references, mistakes or
expected values.
"""
