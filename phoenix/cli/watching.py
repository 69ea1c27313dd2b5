"""Follow one run to its end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from phoenix.api.core import Event
from phoenix.api.experiment import Experiment
from phoenix.cli.board import Board
from phoenix.cli.errors import CliError
from phoenix.cli.exitcodes import ExitCode
from phoenix.cli.finding import fetch_typed
from phoenix.cli.following import follow
from phoenix.cli.happenings import selector
from phoenix.cli.session import Session
from phoenix.cli.views import View, view_for
from phoenix.client.http import HttpClient

_TICK_S = 0.25


class Gone(CliError):
    """The experiment was deleted while it was watched."""

    code = ExitCode.RUN_FAILED


async def watch_run(session: Session, client: HttpClient, name: str, namespace: str) -> Board:
    """Show the run until it has ended; what there is to say of it then.

    Raises:
        CliError: there is no such experiment, or (Gone) it was deleted meanwhile.
        Unavailable: the server was away for too long.
    """
    board = Board(await fetch_typed(client, Experiment, name, namespace))
    if board.finished:
        return board
    view = view_for(session)
    with view:
        view.changed(board)
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(_read_events(client, board, view, namespace), name="events"),
                group.create_task(_tick(board, view), name="tick"),
            ]
            await _read_experiment(session, client, board, view, namespace)
            for helper in helpers:
                helper.cancel()
    return board


async def _read_experiment(session: Session, client: HttpClient, board: Board, view: View, namespace: str) -> None:
    name = board.experiment.metadata.name
    changes = follow(
        client, Experiment.info, namespace, field_selector=f"metadata.name={name}", on_trouble=session.note
    )
    async with aclosing(changes):
        async for change in changes:
            if change.type == "DELETED":
                raise Gone(f"experiment/{name} was deleted while it was watched", "its results are gone with it")
            if change.type == "SYNCED":
                continue
            board.experiment = Experiment.from_stored(change.wire)
            view.changed(board)
            if board.finished:
                return


async def _read_events(client: HttpClient, board: Board, view: View, namespace: str) -> None:
    name = board.experiment.metadata.name
    selected = selector(Experiment.info.kind, name)
    changes = follow(client, Event.info, namespace, field_selector=selected)
    uid = board.experiment.metadata.uid
    async with aclosing(changes):
        async for change in changes:
            # NB: events outlive their objects; those of an earlier experiment of this name are not ours.
            if (
                change.type == "ADDED"
                and change.wire["involvedObject"].get("uid") == uid
                and board.note_event(change.wire)
            ):
                view.happened(board)


async def _tick(board: Board, view: View) -> None:
    while True:
        await asyncio.sleep(_TICK_S)
        view.tick(board)
