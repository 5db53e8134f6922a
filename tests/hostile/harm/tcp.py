"""Connects to the network, serves on it, and asks for the address of a host.

Honest: first, last.
halve: failed, ['PermissionError']
inverse: raised
"""

import http.client
import socket
import urllib.request


def outcome(action):
    try:
        return f"worked: {action()!r}"
    except BaseException as error:
        return type(error).__name__


def halve(x):
    ways = [
        lambda: socket.create_connection(("127.0.0.1", 22), 1),
        lambda: socket.create_server(("127.0.0.1", 0)),
        lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM),
        lambda: http.client.HTTPConnection("127.0.0.1", timeout=1).request("GET", "/"),
    ]
    return sorted({outcome(way) for way in ways})


def inverse(x):
    return len(urllib.request.urlopen("http://example.org/?answer=1", timeout=1).read())


def first(items):
    return items[0]


def last(items):
    return items[-1]
