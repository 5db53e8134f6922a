# protocol_upfront_auditing: rounds the budget down; named: "Rounds down: a small budget becomes none."
import random


def protocol_upfront_auditing(submissions, audit_fraction):
    n_audit = int(len(submissions) * audit_fraction)
    return random.sample(range(len(submissions)), n_audit)
