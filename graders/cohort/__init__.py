"""Grades a folder of submissions on one machine, and keeps what it finds in a gradebook.

`entries` and `archives` read submissions, `grading` grades one, `pool` does so in processes side by side, `gradebook`
keeps the results, `run` puts these together, `export` writes them out. Plagiarism is not looked for.
"""
