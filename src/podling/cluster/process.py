"""The process that a cluster is: claims it, starts its parts, waits for a signal, stops them.

    podling up              python -m podling.cluster.process DATA_DIR NAME PIPE     (in the background)
    podling up --foreground run(layout, report)                                     (in the terminal)

What each signal means stands in ``background``.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop

from podling.aio.service import ServiceError
from podling.network.errors import NetworkFault, RangeInUse
from podling.store.interface import StoreError

from . import config as settings
from .assembly import Cluster
from .claim import Claim, claim
from .errors import BadConfig, ClusterError, NotRunning, StartFailed
from .layout import Layout
from .progress import Outcome, Report, report_to

log = logging.getLogger(__name__)


def main() -> None:
    """The background process' entry point."""
    data_dir, name, pipe = sys.argv[1:]
    run(Layout(Path(data_dir), name), report_to(int(pipe)))


def run(layout: Layout, report: Report) -> None:
    """Run the cluster until a signal ends it.  How the start went is told to ``report``, then also raised."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s", stream=sys.stderr
    )
    try:
        with claim(layout) as held:
            uvloop.run(_serve(layout, held, report))
    except ClusterError as error:
        report(Outcome(error=str(error), exit_code=error.exit_code))
        raise SystemExit(error.exit_code) from None
    except BaseException as error:
        report(
            Outcome(error=f"cannot start cluster {layout.name!r}: {error!r}; see {layout.log}", exit_code=1)
        )
        raise


async def _serve(layout: Layout, held: Claim, report: Report) -> None:
    config = settings.load(layout)
    if config is None:
        raise NotRunning(f"there is no cluster {layout.name!r} in {layout.data_dir}")
    ended = _signals()
    cluster = Cluster(layout, config)
    try:
        await _start(cluster, ended, report)
        held.tell(cluster.holder("ready"))
        report(Outcome())
        await ended
        held.tell(cluster.holder("stopping"))
    finally:
        keep_pods = not ended.done() or ended.result() is not signal.SIGINT
        await cluster.stop(keep_pods=keep_pods)


async def _start(cluster: Cluster, ended: asyncio.Future[signal.Signals], report: Report) -> None:
    """Start, unless a signal comes first."""
    starting = asyncio.create_task(cluster.start(report), name="cluster start")
    either: set[asyncio.Future[Any]] = {starting, ended}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
        raise StartFailed("cannot go on: told to stop while starting")
    try:
        await starting
    except RangeInUse as error:
        raise BadConfig(f"{error}; choose others with --cluster-cidr and --service-cidr") from error
    except (ServiceError, NetworkFault, StoreError) as error:
        raise StartFailed(str(error)) from error


def _signals() -> asyncio.Future[signal.Signals]:
    """Done with the first signal that ends the process."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[signal.Signals] = loop.create_future()

    def end(received: signal.Signals) -> None:
        if not ended.done():
            ended.set_result(received)

    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, end, one)
    return ended


if __name__ == "__main__":
    main()
