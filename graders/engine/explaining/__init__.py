"""What a learner is told about a failure: smaller inputs, whose fault it is, the mistake it looks like, the call as text.

Runs in the deciding process. May import `setting` and what is below; knows nothing of `marking`.
"""
