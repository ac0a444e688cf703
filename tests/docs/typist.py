"""What types a page's commands: each in a process of its own, forked from one that has begun.

Starting Python and importing what every command begins with takes far longer than most commands of
the pages. So it is done once: a process that has only imported ``filrouge.wiring`` and the domain,
as any command that opens a ledger does first, waits on a socket. For each command it forks a child
that has its caller's arguments, folder, environment and open files, and runs ``main`` to its end.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from contextlib import suppress
from importlib import import_module

BEGUN = "begun"
FAULT = 70
LENGTH_BYTES = 4


def ask(place: str, arguments: list[str]) -> int:
    """Have a command run with what is open here; the code that it exits with."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(place)
        said = json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode()  # noqa: PTH109 - quick to import
        socket.send_fds(connection, [len(said).to_bytes(LENGTH_BYTES, "big")], [0, 1, 2])
        connection.sendall(said)
        code = connection.recv(1)
    return code[0] if code else FAULT


def wait(place: str) -> None:
    """Fork a process for each command, until whoever started this one is gone."""
    import_module("filrouge.wiring").load_domain()
    main = import_module("filrouge.cli").main
    with socket.create_server(place, family=socket.AF_UNIX) as server:
        print(BEGUN, flush=True)  # noqa: T201 - whoever started it waits for this
        while server in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            if os.fork():
                connection.close()
                with suppress(ChildProcessError):
                    os.waitpid(-1, os.WNOHANG)  # the one before
                continue
            arguments = taken_over(connection)
            if child := os.fork():
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                connection.sendall(bytes([code % 256]))
                os._exit(0)
            connection.close()
            sys.argv = ["filrouge", *arguments]
            main()  # exits
    with suppress(ChildProcessError):
        while True:
            os.wait()


def taken_over(connection: socket.socket) -> list[str]:
    """Have the folder, the environment and the open files of a caller; the arguments it gave."""
    length, files, _, _ = socket.recv_fds(connection, LENGTH_BYTES, 3)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    with connection.makefile("rb") as reader:
        said = reader.read(int.from_bytes(length, "big"))
    arguments, folder, environment = json.loads(said)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return [str(one) for one in arguments]


if __name__ == "__main__":
    if sys.argv[1] == "--wait":
        wait(sys.argv[2])
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
