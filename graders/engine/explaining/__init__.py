"""What a learner is told about a failure: whose fault it is, smaller inputs, the mistake it looks like, the call.

Runs in the deciding process. May import `setting` and what is below; knows nothing of `marking`.
"""
