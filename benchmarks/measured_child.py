"""Runs a command and writes down the most memory that it held. Run as a file, by ``resident``.

The kernel counts what a process held before it became the command: so whoever starts the command
must be small, and this imports nothing.
"""

import os
import sys


def main() -> int:
    """Run the command that follows the name of the file to write to; end as it ends."""
    out, program, *arguments = sys.argv[1:]
    process_id = os.posix_spawn(program, [program, *arguments], os.environ)
    _, status, usage = os.wait4(process_id, 0)
    with open(out, "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib is not small
        file.write(str(usage.ru_maxrss))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
