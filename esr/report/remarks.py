"""What the figures of a leaderboard cannot say themselves, in a line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from esr.base.visible_text import name, one_line
from esr.challenge.data_set_registry import registry
from esr.challenge.fixed_input import FixedInput
from esr.rank.entrants import PUBLISHED
from esr.rank.figures import steady_runtime, warm_runtime
from esr.rank.ranking import Ranking
from esr.rank.runtimes import RUNTIMES, read_processes
from esr.records.record import Record, SteadyTiming
from esr.records.results_folder import Row
from esr.report.cell import MARK
from esr.report.claims import COUNTERS, is_partial
from esr.submissions.submission import FOLDER_CALL

_LAUNCH_BOUND = 0.9
_LINE_AT_MOST = 1000
"""What is quoted has limits of its own."""


def write_remarks(ranking: Ranking, marked: bool, empty: Sequence[str] = ()) -> Iterator[str]:
    """Say who failed and why, what was ranked on what, and what does not fit together.

    Args:
        ranking: the leaderboard.
        marked: whether a claim is marked.
        empty: why cells are empty (`esr.report.empty_cells`).

    Returns:
        Lines that are harmless as plain text, whatever the names in them are.
    """
    for line in _list_remarks(ranking, marked, empty):
        yield one_line(line, _LINE_AT_MOST)


def _list_remarks(ranking: Ranking, marked: bool, empty: Sequence[str]) -> Iterator[str]:
    rows = [standing.row for standing in ranking.standings]
    records = [row.record for row in rows if row.record]
    for row in rows:
        if row.failure:
            earlier = f"; figures are of {row.record.provenance.date}" if row.record else ""
            yield (
                f"{name(row.label)} failed ({row.failure.stage}):"
                f" {one_line(row.failure.reason)}{earlier}"
            )
    for record in records:
        yield from _explain_record(record)
    yield from empty
    yield from _explain_data(records)
    if marked:
        yield f"{MARK} marks a claim that differs by more than rounding."
    yield from _explain_claims(ranking, records)
    yield from _explain_runtime(rows)
    yield from _explain_gate(ranking)
    if len(rows) > 1:
        yield from _explain_ranking(ranking, records)
    elif ranking.protocol.baseline and ranking.baseline is None:
        yield _explain_baseline(ranking)


def _explain_record(record: Record) -> Iterator[str]:
    label = name(record.label)
    if record.note:
        yield f"{label}: {one_line(record.note)}"
    yield from (f"{label}: {flag.name}: {one_line(flag.detail)}" for flag in record.flags)
    if record.left_out:
        left_out = one_line(", ".join(record.left_out))
        yield f"{label}: left out, the time was spent (--time_budget): {left_out}"
    if record.fixed_input:
        yield from (f"{label}: {line}" for line in _explain_fixed_input(record.fixed_input))


def _explain_fixed_input(fixed: FixedInput) -> Iterator[str]:
    """Say what was measured otherwise than the challenge asks."""
    run, official = fixed.scored, fixed.official
    size = "x".join(map(str, fixed.input_size))
    if not fixed.as_asked:
        official_size = "x".join(map(str, fixed.official_size))
        yield (
            f"the fixed input is {size}, not {official_size} as the challenge asks: it gets no"
            " score"
        )
    if run is None:
        yield f"no runtime of the fixed input {size}"
    elif (run.warmups, len(run.samples_ms)) != (official.warmups, official.repeats):
        yield (
            f"Input Time is the mean of {len(run.samples_ms)} calls after {run.warmups}, not of"
            f" {official.repeats} after {official.warmups} as the challenge asks: not comparable"
        )
    yield from (f"fixed input {size}: {one_line(note)}" for note in fixed.notes)


def _explain_data(records: list[Record]) -> Iterator[str]:
    splits = {(split.role, split.dataset) for record in records for split in record.splits}
    names = [f"{role}: {name(dataset)}" for role, dataset in sorted(splits) if role != dataset]
    if names:
        yield "; ".join(names)
    yield from _list_partial_sets(records)
    if any(record.clock == "perf_counter" for record in records):
        yield "Times are wall-clock times of a CPU, not comparable with official figures."
    if any(record.fork and record.fork.facts.forward == FOLDER_CALL for record in records):
        yield (
            "Time of a submission that reads and writes images: that of the whole call, loading,"
            " reading and writing included, over their number."
        )


def _list_partial_sets(records: list[Record]) -> Iterator[str]:
    partial = {
        (split.role, split.dataset, len(split.images))
        for record in records
        for split in record.splits
        if is_partial(split)
    }
    for role, dataset, images in sorted(partial):
        known = registry().find(dataset)
        yield (
            f"{role}: {images} images are not {name(dataset)}, which has"
            f" {known.images if known else 'others'}: compare nothing with published figures."
        )


def _list_other_files(records: list[Record]) -> Iterator[str]:
    """Say which rows were measured on other files under the same name."""
    labels_by_set: dict[tuple[str, str, int], dict[str, list[str]]] = {}
    for record in records:
        for split in record.splits:
            if split.data_sha256 is not None:
                key = (split.role, split.dataset, record.sidecar.scale)
                by_hash = labels_by_set.setdefault(key, {})
                by_hash.setdefault(split.data_sha256, []).append(name(record.label))
    for (role, dataset, _), by_hash in sorted(labels_by_set.items()):
        others = sorted(by_hash.values(), key=len, reverse=True)[1:]
        if others:
            labels = ", ".join(label for group in others for label in group)
            yield (
                f"{role}: {name(dataset)} consisted of other files for {labels} than for the other"
                " rows (SHA-256): do not compare them."
            )


def _explain_claims(ranking: Ranking, records: list[Record]) -> Iterator[str]:
    """Say whose FLOPs were claimed by another counter than the column's."""
    labels: dict[str, list[str]] = {}
    for record in records:
        claims = record.sidecar.claims
        if claims.flops_g and claims.flops_counter not in (None, ranking.protocol.flops_counter):
            labels.setdefault(COUNTERS[claims.flops_counter], []).append(name(record.label))
    for counter, of in labels.items():
        yield (
            f"FLOPs claimed by {counter} are compared with what that one counts here:"
            f" {', '.join(of)}."
        )


def _explain_runtime(rows: list[Row]) -> Iterator[str]:
    yield from _explain_processes(rows)
    if any(steady_runtime(row) for row in rows):
        yield (
            "Steady Time is that of images queued back to back on the warm network; ± is half of"
            " its 95 % bootstrap interval."
        )
        yield from _explain_budget(rows)
    if any(warm_runtime(row) for row in rows):
        yield (
            "Warm Time is the mean over the images of each one's median, after warm-up; ± is half"
            " of its 95 % bootstrap interval."
        )
    elif len(rows) == 1 and rows[0].official:
        yield "The runtime is of a single run."


def _explain_processes(rows: list[Row]) -> Iterator[str]:
    counts = {row.record.process_count for row in rows if row.record}
    if counts - {1}:
        few, many = min(counts), max(counts)
        each = f"{many} processes each" if few == many else f"{few} to {many} processes"
        yield (
            f"Measured in {each}: official figures are those of the first, Mean of processes in"
            " the CSV is that of each one's runtime."
        )


def _explain_budget(rows: list[Row]) -> Iterator[str]:
    def labels(is_so: Callable[[SteadyTiming], bool]) -> str:
        records = [row.record for row in rows if row.record]
        such = [r for r in records if any(s.steady and is_so(s.steady) for s in r.splits)]
        return ", ".join(name(record.label) for record in such)

    if late := labels(lambda steady: steady.ended == "budget"):
        yield f"The time was spent before the steady runtime was precise: {late} (--time_budget)."
    if bound := labels(lambda steady: (steady.launch_share or 0) > _LAUNCH_BOUND):
        yield (
            f"Launching kernels, not computing, is the limit: {bound} (Launch share in the CSV is"
            " that of the time until all was queued)."
        )


def _explain_gate(ranking: Ranking) -> Iterator[str]:
    for standing in ranking.standings:
        if standing.section == "unranked":
            yield f"{name(standing.row.label)} is not ranked: {standing.reason}"
        elif standing.is_baseline and standing.gate.passed is False:
            label = name(standing.row.label)
            yield f"{label}, the baseline, fails the gate: {standing.gate.reason}"
    gate = ranking.protocol.gate
    if gate is not None and gate.decimals is None:
        yield "The PSNR gate was applied to PSNR as measured, not as printed."
    judged = {standing.gate.passed for standing in ranking.standings if standing.row.official}
    if judged == {None} and len(ranking.standings) > 1:
        known = f"it is about {ranking.protocol.valid[0]} and {ranking.protocol.test[0]}"
        reason = "none is known" if gate is None else known
        yield f"The PSNR gate of {ranking.protocol.name} was not judged: {reason}."


def _explain_ranking(ranking: Ranking, records: list[Record]) -> Iterator[str]:
    yield _explain_baseline(ranking)
    yield from _explain_ranks(ranking)
    yield from _explain_constraints(ranking)
    questions: tuple[tuple[str, Callable[[Record], object]], ...] = (
        ("devices", lambda record: record.machine.device_name),
        ("PyTorch versions", lambda record: record.machine.torch),
        ("data sets", lambda record: tuple((s.role, s.dataset) for s in record.splits)),
    )
    for facts, read in questions:
        if len({read(record) for record in records}) > 1:
            yield f"The rows were measured with different {facts}: do not compare them."
    yield from _list_other_files(records)
    others = sorted({record.protocol for record in records} - {ranking.protocol.name})
    if others:
        yield f"Some rows were measured under {', '.join(others)}, ranked by other rules here."


def _explain_constraints(ranking: Ranking) -> Iterator[str]:
    if not ranking.choices.constraints:
        return
    yield "A track leaves out who is worse than the baseline in what its announcement names."
    for standing in ranking.standings:
        for track, placing in zip(ranking.protocol.tracks, standing.placings, strict=True):
            if placing.reason:
                yield f"{name(standing.row.label)} is not ranked in {track.name}: {placing.reason}"


def _explain_ranks(ranking: Ranking) -> Iterator[str]:
    robust = ranking.choices.runtime == "robust"
    kind = "warm runtimes" if robust else RUNTIMES[ranking.choices.runtime].words
    processes = _count_processes(ranking)
    if max(processes.values(), default=1) > 1:
        kind += ", the mean over the processes"
    elif not robust:
        kind += ", a single run each"
    alone = "" if ranking.with_test else ", on the validation set alone"
    yield f"Ranked by {kind}{alone}."
    placings = [placing for standing in ranking.standings for placing in standing.placings]
    if any(placing.interval for placing in placings):
        yield (
            "[low-high] is the 95 % interval of a rank, by a bootstrap over processes and rounds;"
            " ranks with the same letter are a tie: fewer than 97.5 % of the draws agree on their"
            " order."
        )
        alone_labels = [label for label, count in processes.items() if count == 1]
        if alone_labels:
            yield (
                f"Measured in one process: {', '.join(map(name, alone_labels))}; noise between"
                " processes is taken from the other rows."
            )
    else:
        if any(placing.ties for placing in placings):
            overlap = "their intervals overlap that of the best among them"
            yield f"Ranks with the same letter are a tie: {overlap if robust else 'equal scores'}."
        if sum(placing.rank is not None for placing in placings) > len(ranking.protocol.tracks):
            yield (
                "Rank intervals cannot be known: with one process, the noise between processes is"
                " unseen."
            )


def _count_processes(ranking: Ranking) -> dict[str, int]:
    """Count the processes of everybody who is ranked by runtimes of single images or blocks."""
    runtime = RUNTIMES[ranking.choices.runtime]
    counts = {
        standing.row.label: len(read_processes(standing.row, runtime, ranking.with_test))
        for standing in ranking.standings
        if standing.section == "ranked"
    }
    known = {label: count for label, count in counts.items() if count}
    return known if len(known) > 1 else {}


def _explain_baseline(ranking: Ranking) -> str:
    protocol = ranking.protocol
    rules = f"Rules of {protocol.name}; baseline: "
    if protocol.baseline is None:
        return f"Rules of {protocol.name}, whose scores are relative to no network."
    if ranking.baseline is None:
        shipped = protocol.baseline.shipped_id
        measure = "" if shipped is None else f"measure it too, with --model_id {shipped}, or "
        return (
            f"Rules of {protocol.name}; no scores, since the baseline {protocol.baseline.name} is"
            f" not among the rows: {measure}choose one with python -m esr leaderboard RESULTS"
            " --baseline LABEL, or its published figures with --baseline published."
        )
    if ranking.baseline == PUBLISHED:
        hardware = f" on {protocol.baseline.hardware}" if protocol.baseline.hardware else ""
        rules += f"{protocol.baseline.name}, published{hardware}"
    else:
        rules += name(ranking.baseline)
    problem = ranking.baseline_problem
    return f"{rules}; scores are missing, since it {problem}." if problem else f"{rules}."
