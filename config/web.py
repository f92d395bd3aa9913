"""The web process: `python -m config.web BIND PORT PID`, started by `serve` and by nobody else."""

import os
import sys
from typing import Any

import waitress
from django.core.handlers.wsgi import WSGIHandler

from processing.mortal import die_with_parent

THREADS = 8
# What a request may cost before anything of ours has seen it. We take forms and JSON, of which Django reads 2.5 MB at
# most. Slow clients hold no thread, only a place among the connections, and lose it when they say nothing for so long.
LIMITS = {
    "max_request_header_size": 64 * 1024,
    "max_request_body_size": 4 * 1024 * 1024,
    "connection_limit": 500,
    "channel_timeout": 60,
    "expose_tracebacks": False,
}


def main(host: str, port: int, parent_pid: int) -> None:
    """Serve the pages until SIGTERM."""
    die_with_parent(parent_pid)
    application = load_application()
    proxy = proxy_options(os.environ.get("STOCKPROOF_SERVED", ""))
    waitress.serve(application, host=host, port=port, threads=THREADS, ident="stockproof", **LIMITS, **proxy)


def load_application() -> WSGIHandler:
    """Load the apps, on PostgreSQL with a pool of connections: this process never forks."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # An empty value counts as unset, as for every setting.
    os.environ["STOCKPROOF_POOLED"] = os.environ.get("STOCKPROOF_POOLED") or "on"
    from config.wsgi import application  # noqa: PLC0415 -- loads the apps, which need the lines above

    return application


def proxy_options(served: str) -> dict[str, Any]:
    """Say whose word counts for where a request comes from and whether it came over HTTPS.

    Beyond loopback it is that of the proxy in front of us, of what it says only the last, which it has written
    itself. On loopback there is none, and the server drops these headers.
    test: test_forwarded_address_counts_only_where_a_proxy_is_expected.
    """
    if served != "public":
        return {}
    headers = {"x-forwarded-for", "x-forwarded-proto"}
    return {"trusted_proxy": "*", "trusted_proxy_count": 1, "trusted_proxy_headers": headers}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
