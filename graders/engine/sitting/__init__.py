"""The deciding side of a worker: what is handed in, who waits for an answer and for how long, the scratch folder.

Runs in the deciding process. May import `worker` (for what both sides know) and what is below.
"""
