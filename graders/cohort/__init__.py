"""Grades a folder of submissions, on one machine or on those of a cluster, and keeps what it finds in a gradebook.

`entries` and `archives` read submissions, `grading` grades one, `pool` does so in processes side by side, `cluster` on
dask's workers, `gradebook` keeps the results, `run` puts these together, `export` writes them out. Plagiarism is not
looked for.
"""
