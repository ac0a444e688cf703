"""Under which account the embedded PostgreSQL runs: it refuses to be root."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import msgspec

# Tried in this order for a new cluster; the second is made if there is neither.
_NAMES: Final = ("postgres", "filrouge-postgres")


class CommandError(Exception):
    """A command of PostgreSQL failed, or no account may run it."""


class Account(msgspec.Struct, frozen=True):
    """The account that root gives the server to."""

    uid: int
    gid: int


def account_of(cluster: Path) -> Account | None:
    """The account that runs the server of `cluster`; None: the one of this process.

    Raises:
        CommandError: the cluster belongs to somebody else, or there is no account for it.

    """
    owner = cluster.stat() if cluster.exists() else None
    user = os.geteuid()
    if user != 0:
        if owner is not None and owner.st_uid != user:
            raise CommandError(
                f"it belongs to user {owner.st_uid} and this is user {user}. Run as that user, or "
                "set FILROUGE_DATA_DIR to a folder of your own"
            )
        return None
    if owner is None:
        return _account_without_rights()
    if owner.st_uid == 0:
        raise CommandError(
            f"it belongs to root, and PostgreSQL refuses to be root. Give it away: "
            f"chown -R {_NAMES[0]} {cluster}"
        )
    return Account(uid=owner.st_uid, gid=owner.st_gid)


def _account_without_rights() -> Account:
    for name in _NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    useradd = shutil.which("useradd")
    if useradd is None:
        raise CommandError(
            f"PostgreSQL refuses to be root, and there is no account {_NAMES[0]}. Make one, or "
            "run as an ordinary user, or set FILROUGE_DATABASE_URL"
        )
    arguments = ("--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _NAMES[1])
    run([useradd, *arguments], folder=Path("/"), account=None)
    entry = pwd.getpwnam(_NAMES[1])
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def let_through(path: Path) -> None:
    """Let every account pass through the folders above `path`: search them, not read them."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def make_readable(programs: Path) -> None:
    """Let every account run the wheel's programs, where a narrow umask kept them for root only."""
    let_through(programs / "bin")
    if (programs / "bin" / "initdb").stat().st_mode & stat.S_IXOTH:
        return
    libraries = programs.parents[1] / f"{programs.parent.name}.libs"
    for tree in (programs, libraries):
        for path in (tree, *tree.rglob("*")) if tree.exists() else ():
            mode = stat.S_IMODE(path.stat().st_mode)
            # What its owner may execute or search, everybody may; and read.
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def run(command: list[str], *, folder: Path, account: Account | None) -> None:
    """Run a command in `folder`, which is its PGDATA too, as `account`.

    Raises:
        CommandError: it failed; the message is what it said.

    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment |= {"PGDATA": str(folder), "LC_ALL": "C"}
    # A file and not a pipe: a server that inherits a pipe keeps its reader waiting for ever.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(  # noqa: S603 -- our own programs, with arguments that we made
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
            umask=0o077,
            # An interrupt typed at our terminal is ours: the server is stopped cleanly, after us.
            start_new_session=True,
            check=False,
        )
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
    if done.returncode != 0:
        raise CommandError(said or f"{command[0]} ended with {done.returncode}")
