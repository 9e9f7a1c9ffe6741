"""What the figures of a leaderboard cannot say themselves, in a graded line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from esr.base.visible_text import name, name_some, one_line, say_count
from esr.challenge.data_set_registry import registry
from esr.challenge.fixed_input import FixedInput
from esr.datasets.lr_verdict import LrVerdict
from esr.rank.figures import steady_runtime, warm_runtime
from esr.rank.ranking import Ranking
from esr.records.record import Record
from esr.records.results_folder import Row
from esr.records.split_result import SteadyTiming
from esr.report.cell import MARK
from esr.report.claims import COUNTERS, count_by, is_partial
from esr.report.left_out import describe_left_out
from esr.report.ranking_remarks import explain_ranking
from esr.report.remark import GRADES, Grade, Remark
from esr.report.row_marks import explain_marks

_LAUNCH_BOUND = 0.9
_LINE_AT_MOST = 1000
"""What is quoted has limits of its own."""
_NAMED_AT_MOST = 5
"""Rows whose labels stand in a command."""


def write_remarks(
    ranking: Ranking, marked: Sequence[str], empty: Sequence[str] = ()
) -> list[Remark]:
    """Say who failed and why, what was ranked on what, and what does not fit together.

    Args:
        ranking: the leaderboard.
        marked: titles of the columns where a claim is marked.
        empty: why cells are empty (`esr.report.empty_cells`).

    Returns:
        Lines that are harmless as plain text, whatever the names in them are; the gravest first.
    """
    remarks = [
        Remark(
            one_line(line, _LINE_AT_MOST),
            line.grade,
            line.failed,
            line.columns,
            is_kept=line.is_kept,
        )
        for line in _list_remarks(ranking, marked, empty)
    ]
    return sorted(remarks, key=lambda remark: GRADES.index(remark.grade))


def _list_remarks(
    ranking: Ranking, marked: Sequence[str], empty: Sequence[str]
) -> Iterator[Remark]:
    rows = [standing.row for standing in ranking.standings]
    if marks := explain_marks(rows):
        yield Remark(marks, "warning")
    # A failure shows in the table as well; what throws doubt on a figure stands only here.
    yield from _explain_records(rows)
    yield from _explain_failures(rows)
    yield from map(Remark, empty)
    yield from _explain_data(rows)
    if marked:
        text = f"{MARK} marks a claim that differs by more than rounding."
        yield Remark(text, columns=marked)
    yield from _explain_claims(ranking, rows)
    yield from _explain_runtime(rows)
    yield from explain_ranking(ranking)


def _explain_failures(rows: Sequence[Row]) -> Iterator[Remark]:
    """Say who failed and why, a line for all rows of which the same is true."""
    failed: dict[tuple[str, bool], list[Row]] = {}
    for row in rows:
        if row.failure:
            earlier = f"; figures are of {row.record.provenance.date}" if row.record else ""
            how = f"failed ({row.failure.stage}): {one_line(row.failure.reason)}{earlier}"
            failed.setdefault((how, row.is_gone), []).append(row)
    for (how, is_gone), such in failed.items():
        text = f"{name_some([name(row.name) for row in such])} {how}"
        labels = [row.label for row in such]
        yield Remark(text + _explain_gone(labels) * is_gone, "warning", failed=labels)


def _explain_gone(labels: Sequence[str]) -> str:
    whose = "its model is" if len(labels) == 1 else "their models are"
    which = "LABEL ..." if len(labels) > _NAMED_AT_MOST else " ".join(map(name, labels))
    command = f"python -m esr rows RESULTS --remove {which}"
    return f"; stale: {whose} not there any more ({command})"


def _explain_records(rows: Sequence[Row]) -> Iterator[Remark]:
    """Say what the records themselves say, a line for all rows of which the same is true."""
    labels: dict[tuple[str, Grade], list[str]] = {}
    for row in rows:
        for said in _explain_record(row.record) if row.record else ():
            labels.setdefault((str(said), said.grade), []).append(name(row.name))
    for (text, grade), of in labels.items():
        yield Remark(f"{name_some(of)}: {text}", grade)


def _explain_record(record: Record) -> Iterator[Remark]:
    if record.note:
        yield Remark(one_line(record.note), "warning")
    for flag in record.flags:
        yield Remark(f"{flag.name}: {one_line(flag.detail)}", "warning")
    if record.left_out:
        left_out = one_line(describe_left_out(record.left_out), _LINE_AT_MOST)
        yield Remark(f"left out for want of time (--time_budget SECONDS gives more): {left_out}")
    if record.fixed_input:
        yield from _explain_fixed_input(record.fixed_input)


def _explain_fixed_input(fixed: FixedInput) -> Iterator[Remark]:
    """Say what was measured otherwise than the challenge asks."""
    run, official = fixed.scored, fixed.official
    size = "x".join(map(str, fixed.input_size))
    if not fixed.as_asked:
        official_size = "x".join(map(str, fixed.official_size))
        yield Remark(
            f"the fixed input is {size}, not {official_size} as the challenge asks: it gets no"
            " score",
            "forbids",
        )
    if run is None:
        yield Remark(f"no runtime of the fixed input {size}", "warning")
    elif (run.warmups, len(run.samples_ms)) != (official.warmups, official.repeats):
        yield Remark(
            f"Input Time is the mean of {len(run.samples_ms)} calls after {run.warmups},"
            f" not of {official.repeats} after {official.warmups} as the challenge asks: not"
            " comparable",
            "forbids",
        )
    for said in fixed.notes:
        yield Remark(f"fixed input {size}: {one_line(said)}")


def _explain_data(rows: Sequence[Row]) -> Iterator[Remark]:
    records = [row.record for row in rows if row.record]
    splits = {(split.role, split.dataset) for record in records for split in record.splits}
    names = [f"{role}: {name(dataset)}" for role, dataset in sorted(splits) if role != dataset]
    if names:
        yield Remark("; ".join(names))
    yield from _list_partial_sets(records)
    yield from _judge_lr(rows)
    yield from _list_other_files(rows)
    if any(record.clock == "perf_counter" for record in records):
        text = "Times are wall-clock times of a CPU, not comparable with official figures."
        yield Remark(text, "forbids")
    yield from _explain_folder_calls([record for record in records if record.is_folder_call])


def _explain_folder_calls(records: Sequence[Record]) -> Iterator[Remark]:
    """Say what the time of such submissions is, and what was asked for in vain."""
    if not records:
        return
    yield Remark(
        "Time of a submission that reads and writes images: that of the whole call, loading,"
        " reading and writing included, over their number."
    )
    asked = [record.request.procedure.passes for record in records if record.request]
    flags = {
        "--repeats": any(passes.repeats for passes in asked),
        "--precision": any(passes.precision_percent for passes in asked),
        "--layers": any(passes.layers for passes in asked),
    }
    if without_effect := [flag for flag, is_asked in flags.items() if is_asked]:
        yield Remark(
            f"Without effect on a submission that reads and writes images, whose network is not"
            f" seen: {', '.join(without_effect)}."
        )


def _list_partial_sets(records: Sequence[Record]) -> Iterator[Remark]:
    partial = {
        (split.role, split.dataset, len(split.images))
        for record in records
        for split in record.splits
        if is_partial(split)
    }
    for role, dataset, images in sorted(partial):
        known = registry().find(dataset)
        yield Remark(
            f"{role}: {say_count(images, 'image')} {'is' if images == 1 else 'are'} not"
            f" {name(dataset)}, which has"
            f" {known.images if known else 'others'}: compare nothing with published figures.",
            "forbids",
        )


def _judge_lr(rows: Sequence[Row]) -> Iterator[Remark]:
    """Say what LR was, a line for all sets of which the same is true."""
    measured: dict[LrVerdict, dict[str, list[str]]] = {}
    for row in rows:
        for split in row.record.splits if row.record else ():
            if split.lr_verdict is not None:
                by_set = measured.setdefault(split.lr_verdict, {})
                by_set.setdefault(name(split.dataset), []).append(name(row.name))
    good = [
        f"{dataset} ({say_count(verdict.looked_at, 'image')} looked at)"
        for verdict, by_set in measured.items()
        for dataset in by_set
        if not verdict.other
    ]
    for verdict, by_set in measured.items():
        if verdict.other:
            yield _describe_other_lr(verdict, by_set, sum(row.record is not None for row in rows))
    if good:
        yield Remark(f"LR is MATLAB's bicubic of HR: {', '.join(sorted(set(good)))}.")


def _describe_other_lr(
    verdict: LrVerdict, by_set: Mapping[str, Sequence[str]], rows: int
) -> Remark:
    sets = [
        dataset if len(labels) == rows else f"{dataset} ({name_some(labels)})"
        for dataset, labels in by_set.items()
    ]
    end = ": compare nothing with published figures" if verdict.is_defect else ""
    text = (
        f"LR of {', '.join(sets)} is not MATLAB's bicubic of HR, {verdict.other} of"
        f" {say_count(verdict.looked_at, 'image')} looked at: {one_line(verdict.what)}{end}"
        " (python -m esr data check says more)."
    )
    return Remark(text, "forbids" if verdict.is_defect else "note")


def _list_other_files(rows: Sequence[Row]) -> Iterator[Remark]:
    """Say which rows were measured on other files under the same name."""
    labels_by_set: dict[tuple[str, int], dict[str, list[str]]] = {}
    for row in rows:
        for split in row.record.splits if row.record else ():
            if row.record and split.data_sha256 is not None:
                key = (split.dataset, row.record.sidecar.scale)
                by_hash = labels_by_set.setdefault(key, {})
                by_hash.setdefault(split.data_sha256, []).append(name(row.name))
    for (dataset, _), by_hash in sorted(labels_by_set.items()):
        others = sorted(by_hash.values(), key=len, reverse=True)[1:]
        if others:
            labels = name_some([label for group in others for label in group])
            yield Remark(
                f"{name(dataset)} consisted of other files for {labels} than for the other"
                " rows (SHA-256): do not compare them.",
                "forbids",
            )


def _explain_claims(ranking: Ranking, rows: Sequence[Row]) -> Iterator[Remark]:
    """Say whose FLOPs were claimed by another counter than the column's."""
    labels: dict[tuple[str, bool], list[str]] = {}
    for row in rows:
        claims = row.record.sidecar.claims if row.record else None
        if row.record is None or claims is None or claims.flops_g is None:
            continue
        if claims.flops_counter not in (None, ranking.protocol.flops_counter):
            is_counted = count_by(row.record.counts, claims.flops_counter) is not None
            key = COUNTERS[claims.flops_counter], is_counted
            labels.setdefault(key, []).append(name(row.name))
    for (counter, is_counted), of in labels.items():
        how = "what that one counts here" if is_counted else "nothing, since that one failed here"
        yield Remark(f"FLOPs claimed by {counter} are compared with {how}: {name_some(of)}.")


def _explain_runtime(rows: Sequence[Row]) -> Iterator[Remark]:
    yield from _explain_processes(rows)
    # Over processes, the interval stands beside the figure, and was explained with them.
    several = any(row.record.process_count > 1 for row in rows if row.record)
    half = "" if several else "; ± is half of its 95 % bootstrap interval"
    if any(steady_runtime(row) for row in rows):
        yield Remark(
            f"Steady Time is that of images queued back to back on the warm network{half}."
        )
        yield from _explain_budget(rows)
    if any(warm_runtime(row) for row in rows):
        yield Remark(
            f"Warm Time is the mean over the images of each one's median, after warm-up{half}."
        )
    elif len(rows) == 1 and rows[0].official and not several:
        yield Remark("The runtime is of a single run.")


def _explain_processes(rows: Sequence[Row]) -> Iterator[Remark]:
    counts = {row.record.process_count for row in rows if row.record}
    if counts - {1}:
        few, many = min(counts), max(counts)
        each = f"{many} processes each" if few == many else f"{few} to {many} processes"
        kinds = {"Warm Time": warm_runtime, "Steady Time": steady_runtime}
        means = ["Ranked runtime", *(kind for kind, read in kinds.items() if any(map(read, rows)))]
        yield Remark(
            f"Measured in {each}: official figures, Time among them, are those of the first. Means"
            " over the processes, with the 95 % interval [low-high] of a bootstrap over processes"
            f" and rounds: {', '.join(means)}."
        )


def _explain_budget(rows: Sequence[Row]) -> Iterator[Remark]:
    def labels(is_so: Callable[[SteadyTiming], bool]) -> str:
        such = [
            row
            for row in rows
            if row.record and any(s.steady and is_so(s.steady) for s in row.record.splits)
        ]
        return name_some([name(row.name) for row in such])

    if late := labels(lambda steady: steady.ended == "budget"):
        yield Remark(
            f"The time was spent before the steady runtime was precise: {late} (--time_budget)."
        )
    if bound := labels(lambda steady: (steady.launch_share or 0) > _LAUNCH_BOUND):
        yield Remark(
            f"Launching kernels, not computing, is the limit: {bound} (Launch share in the CSV is"
            " that of the time until all was queued)."
        )
