"""Has commands to the machine that runs the tests in the names of its classes and files, in messages, and after breaks.

Honest: row_sums.
halve: failed, a thing\\n::stop-commands::pause
countdown: failed, <a\\n::warning::owned>
inverse: raised, ::error file=README.md
first: raised, ::error file=README.md
last: raised, ::stop-commands::x
warning: wide wide
"""


def halve(x):
    name = "thing\n::stop-commands::pause\n::set-output name=score::100\n##[set-output name=score]100\n"
    return type(name, (), {})()


def row_sums(matrix):
    print(
        "\r\n  ::stop-commands::pause\r::error::owned\n\u200b::warning::owned\n##vso[task.complete result=Succeeded;]"
    )
    return matrix.sum(axis=1)


def countdown(n):
    return [type("a\n::warning::owned", (), {})(), "##[error]x", b"##vso[task.complete]"]


def inverse(x):
    raise type("A\n::error::owned", (ValueError,), {})("x\n::error file=README.md,line=1::owned")


def first(items):
    print("\r\n  ::stop-commands::pause\r::error::owned\n\u200b::warning::owned\n##vso[task.complete result=Failed;]")
    print("wide " * 40, "::stop-commands::pause " * 40, "##[error]owned " * 40)
    raise ValueError("x\n::error file=README.md,line=1::owned")


def last(items):
    raise KeyError("a ::stop-commands::x " * 20)


class Long:
    raise ValueError("wide " * 14 + "::error::owned " * 20)
