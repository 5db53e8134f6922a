# parse_score: takes the first tag; named: "Takes the first score; judges correct themselves."
import re


def parse_score(response):
    match = re.search(r"<score>\s*(\d+)\s*</score>", response, re.IGNORECASE)
    if match is None:
        return -1
    score = int(match.group(1))
    return score if 0 <= score <= 100 else -1
