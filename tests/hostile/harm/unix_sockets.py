"""Talks to other programs of the machine by sockets with a path, sockets without one, and pairs of them.

Honest: first, last.
halve: failed, ['PermissionError']
"""

import socket

ADDRESSES = ["/var/run/docker.sock", "/run/dbus/system_bus_socket", "\0/tmp/.X11-unix/X0", "\0hostile-was-here"]


def outcome(action):
    try:
        return f"worked: {action()!r}"
    except BaseException as error:
        return type(error).__name__


def halve(x):
    ways = [lambda address=address: socket.socket(socket.AF_UNIX).connect(address) for address in ADDRESSES]
    ways += [lambda address=address: socket.socket(socket.AF_UNIX).bind(address) for address in ADDRESSES]
    return sorted({outcome(way) for way in (*ways, socket.socketpair)})


def first(items):
    return items[0]


def last(items):
    return items[-1]
