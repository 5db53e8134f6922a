"""Writes HTML, XML and Markdown into messages and output, as text that would run or lead away in a page.

Honest: first, last.
halve: raised, <script>alert(1)</script>
countdown: failed, </failure>
"""

TEXT = "<script>alert(1)</script><img src=x onerror=alert(2)>]]></failure></testcase><!--&lt;&#x3c; \"'"
MARKDOWN = "\n```\n# passed\n![](https://example.org/x.png) [more](javascript:alert(4)) | a | b |\n"


def halve(x):
    print(TEXT, MARKDOWN)
    raise ValueError(TEXT)


def countdown(n):
    return TEXT + MARKDOWN


def first(items):
    return items[0]


def last(items):
    return items[-1]
