"""The entry point: a table of commands, each loaded only when it is called.

``podling --help`` prints the table without importing any command (150 ms is the promise); a command's module holds a
typer function named ``command``, or an ``app`` of its own where it has subcommands.  Exit codes: 0 done; 1 failed;
2 wrong usage or settings; 3 somebody else has the cluster; 4 not there or not up; 5 port taken; 6 privileges missing;
7 a part did not start; 130 interrupted.
"""

from __future__ import annotations

import importlib
import signal
import sys
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from podling import __version__


class Entry(NamedTuple):
    """A row of the table: the command's module in this package and its line in the help."""

    module: str
    summary: str


COMMANDS = {
    "up": Entry("up", "Start a cluster and return when its node is Ready"),
    "start": Entry("up", "The same as up"),
    "down": Entry("down", "Stop a cluster; its objects and images are kept"),
    "delete": Entry("delete", "Remove a cluster and everything it made on this machine"),
    "ls": Entry("ls", "List the clusters of this machine"),
    "status": Entry("status", "Show how a cluster is"),
    "controllers": Entry("controllers", "List the controllers with their queues and last errors"),
    "doctor": Entry("doctor", "Say what this machine offers, what is missing and what that costs"),
    "kubeconfig": Entry("kubeconfig", "Print a cluster's kubeconfig, or merge it into a file"),
    "demo": Entry("demo", "Run the tutorial's Pods, step by step"),
    "node": Entry("node", "List a cluster's nodes; make one fail and mend it"),
    "image": Entry("image", "List, pull, load and remove images"),
    "get": Entry("get", "Show objects as a table, YAML or JSON"),
    "apply": Entry("apply", "Create or change the objects of a file"),
    "logs": Entry("logs", "Print a container's log"),
}


class LazyGroup(TyperGroup):
    """Commands come from the table and are imported when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"{__package__}.{entry.module}")
        application = getattr(module, "app", None)
        if application is None:
            application = typer.Typer(add_completion=False, rich_markup_mode=None)
            application.command(cmd_name)(module.command)
        loaded = typer.main.get_command(application)
        loaded.name = cmd_name
        return loaded

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Kubernetes Pods from one small process: real containers, behind unmodified kubectl.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"podling {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
    ),
) -> None:
    """Kubernetes Pods from one small process: real containers, behind unmodified kubectl."""


def main() -> None:
    """Run the command line; every expected failure is one sentence on stderr and an exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of every finally
    try:
        app(prog_name="podling")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:  # noqa: BLE001 - the last frame: told in a sentence, or raised again
        from . import failures

        failures.exit_for(error)
