"""Verdicts: grades a submission, marks a section, carries out a closing experiment.

Runs in the deciding process. May import every folder of the engine below it in the table of CONTRIBUTING.md.
"""
