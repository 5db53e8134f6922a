"""Writes the markup of the library that prints the report, into messages, output and the names of types.

Honest: first, last.
halve: raised, [bold green]passed[/bold green]
countdown: failed, [link=https://example.org]
"""

Green = type("[bold green]passed[/bold green]", (Exception,), {})


def halve(x):
    print("[/] [reverse] [link=https://example.org]more[/link] :boom: [@click=app.bell]x[/]")
    raise Green("[bold green]passed[/bold green][/bold]")


def countdown(n):
    return "[link=https://example.org]passed[/link]"


def first(items):
    return items[0]


def last(items):
    return items[-1]
