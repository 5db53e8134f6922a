# parse_score: matches from the first tag to the last; not named
import re


def parse_score(response):
    match = re.search(r"<score>(.*)</score>", response, re.DOTALL | re.IGNORECASE)
    if not match:
        return -1
    try:
        score = int(match.group(1).strip())
    except ValueError:
        return -1
    return score if 0 <= score <= 100 else -1
