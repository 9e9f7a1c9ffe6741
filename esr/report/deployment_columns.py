"""Columns of the network in the ways of `--deploy`, for the CSV file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from esr.records.record import Deployment, Record
from esr.report.cell import Column, Value, read_record


def speed_up(record: Record, deployment: Deployment) -> float | None:
    """How many times as fast as the network as it is, in the same process; None if unknown."""
    eager = next((each.steady for each in record.deployments if not each.words), None)
    if eager is None or deployment.steady is None or not deployment.steady.mean_ms:
        return None
    return eager.mean_ms / deployment.steady.mean_ms


def list_deployment_columns(records: Sequence[Record]) -> Iterator[Column]:
    """List the columns of every way that some submission was measured in, for the CSV file."""
    for way in dict.fromkeys(each.name for record in records for each in record.deployments):
        yield _read_way(way, "Time [ms]", lambda _, d: d.steady.mean_ms if d.steady else None)
        if way != "eager":
            yield _read_way(way, "speed-up", speed_up)
        yield _read_way(way, "PSNR", lambda _, d: d.psnr_db)
        yield _read_way(way, "difference", lambda _, d: d.difference)
        yield _read_way(way, "recompilations", lambda _, d: d.recompilations)
        yield _read_way(way, "problem", lambda _, d: d.problem)


def _read_way(way: str, title: str, value: Callable[[Record, Deployment], Value]) -> Column:
    def read(record: Record) -> Value:
        deployment = next((each for each in record.deployments if each.name == way), None)
        return None if deployment is None else value(record, deployment)

    return read_record(f"Deployed {way} {title}", read)
