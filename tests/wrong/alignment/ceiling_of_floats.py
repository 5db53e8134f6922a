# protocol_trusted_monitoring: rounds 0.1 · 30 up to 4; named: "0.1 · 30 is a little more than 3 in floats, and becomes 4."
# ruff: noqa: E501
import math

import numpy as np


def protocol_trusted_monitoring(submissions, sus_scores, audit_fraction):
    n_audit = math.ceil(len(submissions) * audit_fraction)
    return np.argsort(sus_scores)[::-1][:n_audit].tolist()
