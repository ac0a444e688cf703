"""``filrouge serve``: the HTTP API and the projections, until somebody stops it."""

from __future__ import annotations

import click

from filrouge.console import Console, pass_console


@click.command("serve")
@click.option("--host", metavar="ADDRESS", help="Default: FILROUGE_HOST, else 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Default: FILROUGE_PORT, else 8000; 0: any."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Processes that answer. Default: FILROUGE_WORKERS, else 1.",
)
@pass_console
def serve(console: Console, *, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve every ledger of this installation over HTTP, and keep the projections up to date.

    Ctrl-C, or SIGTERM, ends the requests in flight and stops everything that was started, the
    embedded database included. Of several processes, on any number of hosts, one keeps the
    projections up to date; one that dies is started again. Keys: filrouge keys create.
    """
    from filrouge.serving import serve_until_stopped

    settings = console.settings
    serve_until_stopped(
        settings,
        host=host or settings.host,
        port=settings.port if port is None else port,
        workers=workers or settings.workers,
        json_logs=console.json,
        started=lambda url: console.result(
            {"url": url, "docs": f"{url}/docs"}, f"Filrouge serves {url} (docs: {url}/docs)"
        ),
    )
