"""What the places on a leaderboard cannot say themselves: gate, baseline, runtime, ties, rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from esr.base.visible_text import name, name_some
from esr.rank.entrants import PUBLISHED, outside
from esr.rank.ranking import Ranking, Standing
from esr.rank.runtimes import RUNTIMES, read_processes
from esr.rank.scores import BY_BASELINE
from esr.records.record import Record
from esr.report.remark import Remark


def explain_ranking(ranking: Ranking) -> Iterator[Remark]:
    """Say by which rules, who is left out and why, and which rows cannot be compared."""
    if not any(standing.row.official for standing in ranking.standings):
        yield Remark(f"Rules of {ranking.protocol.name}.", is_kept=True)
        return
    yield from _explain_gate(ranking)
    yield _explain_baseline(ranking)
    several = len(ranking.standings) > 1
    if several:
        yield from _explain_ranks(ranking)
    yield from _explain_constraints(ranking)
    if several:
        yield from _find_empty_tracks(ranking)
        yield from _find_unlike(ranking)


def _explain_gate(ranking: Ranking) -> Iterator[Remark]:
    yield from explain_unranked(ranking)
    for standing in ranking.standings:
        if standing.section == "ranked" and standing.is_baseline and standing.gate.passed is False:
            label = name(standing.row.name)
            yield Remark(
                f"{label}, the baseline, fails the gate: {standing.gate.reason}", "warning"
            )
    gate = ranking.protocol.gate
    if gate is not None and gate.decimals is None:
        yield Remark("The PSNR gate was applied to PSNR as measured, not as printed.")
    measured = [standing for standing in ranking.standings if standing.row.official]
    if len(measured) == 1 and measured[0].gate.passed:
        passes = f"{name(measured[0].row.name)} passes the PSNR gate of {ranking.protocol.name}"
        yield Remark(f"{passes}: {measured[0].gate.compared}.")
    elif len(measured) > 1:
        yield from _say_who_passed(ranking)
    if {standing.gate.passed for standing in measured} == {None}:
        known = f"it is about {ranking.protocol.valid[0]} and {ranking.protocol.test[0]}"
        reason = "none is known" if gate is None else known
        text = f"The PSNR gate of {ranking.protocol.name} was not judged: {reason}."
        yield Remark(text, "note" if gate is None else "warning")


def _say_who_passed(ranking: Ranking) -> Iterator[Remark]:
    """Name the gate, and by how much the first few pass it on each data set that was measured."""
    gate, protocol = ranking.protocol.gate, ranking.protocol
    passed = [s for s in ranking.standings if s.gate.passed and s.section == "ranked"]
    if gate is None or not passed:
        return
    margins_db = {
        f"{gate.val_psnr_db:.2f} dB on {protocol.valid[0]}": [s.gate.val_margin_db for s in passed],
        f"{gate.test_psnr_db:.2f} dB on {protocol.test[0]}": [
            s.gate.test_margin_db for s in passed
        ],
    }
    measured = {side: values for side, values in margins_db.items() if set(values) != {None}}
    by_row = zip(*measured.values(), strict=True)
    labels = [
        f"{name(standing.row.name)} ({', '.join(map(_say_margin, values))})"
        for standing, values in zip(passed, by_row, strict=True)
    ]
    yield Remark(f"PSNR gate, {' and '.join(measured)}: passed by {name_some(labels)}.")


def _say_margin(margin_db: float | None) -> str:
    # What rounds to nothing has no sign of its own.
    return "not measured" if margin_db is None else f"{round(margin_db, 2) + 0.0:+.2f}"


def explain_unranked(ranking: Ranking) -> Iterator[Remark]:
    """Say who is not ranked, and why."""
    unranked = [s for s in ranking.standings if s.section == "unranked"]
    for reason, labels in _group(unranked, [s.reason for s in unranked]).items():
        yield Remark(f"{labels} not ranked: {reason}", "warning")


def _group(standings: Sequence[Standing], reasons: Sequence[str | None]) -> dict[str, str]:
    """Say who shares a reason, as the beginning of a sentence."""
    labels: dict[str, list[str]] = {}
    for standing, reason in zip(standings, reasons, strict=True):
        if reason:
            labels.setdefault(reason, []).append(name(standing.row.name))
    return {reason: say_who(of) for reason, of in labels.items()}


def say_who(labels: Sequence[str]) -> str:
    """Name the first few of those who are something."""
    return f"{name_some(labels)} {'is' if len(labels) == 1 else 'are'}"


def _find_unlike(ranking: Ranking) -> Iterator[Remark]:
    """Say what forbids a comparison of the rows."""
    records = [standing.row.record for standing in ranking.standings if standing.row.record]
    questions: tuple[tuple[str, Callable[[Record], object]], ...] = (
        ("devices", lambda record: record.machine.device_name),
        ("PyTorch versions", lambda record: record.machine.torch),
    )
    unlike = [facts for facts, read in questions if len({read(record) for record in records}) > 1]
    if _find_other_sets(records):
        unlike.append("data sets")
    for facts in unlike:
        text = f"The rows were measured with different {facts}: do not compare them."
        yield Remark(text, "forbids")
    others = sorted({record.protocol for record in records} - {ranking.protocol.name})
    if others:
        text = f"Some rows were measured under {', '.join(others)}, ranked by other rules here."
        yield Remark(text, "warning")


def _find_other_sets(records: Sequence[Record]) -> bool:
    """Whether a column of figures is about more than one set."""
    sets: dict[str, set[str]] = {}
    for record in records:
        for split in record.splits:
            column = "valid" if split.role == "hybrid_test" else split.role
            sets.setdefault(column, set()).add(split.dataset)
    return any(len(of_role) > 1 for of_role in sets.values())


def _explain_constraints(ranking: Ranking) -> Iterator[Remark]:
    if not ranking.choices.constraints:
        return
    text = "A track leaves out who is worse than the baseline in what its announcement names."
    yield Remark(text)
    for place, track in enumerate(ranking.protocol.tracks):
        reasons = [standing.placings[place].reason for standing in ranking.standings]
        for reason, labels in _group(ranking.standings, reasons).items():
            yield Remark(f"{labels} not ranked in {track.name}: {reason}")


def _find_empty_tracks(ranking: Ranking) -> Iterator[Remark]:
    """Say in which tracks nobody has a score, for want of a figure: no table has a column of it."""
    able = [s for s in ranking.standings if s.section == "ranked" and not s.is_baseline]
    for place, track in enumerate(ranking.protocol.tracks):
        placings = [standing.placings[place] for standing in able]
        reasons = dict.fromkeys(placing.reason for placing in placings if placing.reason)
        elsewhere = any(outside(standing.row, track) for standing in able)
        if reasons and not elsewhere and not any(placing.score for placing in placings):
            yield Remark(f"Nobody is ranked in {track.name}: {'; '.join(reasons)}", "warning")


def describe_ranked_runtime(ranking: Ranking) -> str | None:
    """Say which runtime is ranked by; None where none counts, or there is nothing to rank."""
    counts = any("ave_time_ms" in track.terms for track in ranking.protocol.tracks)
    if not counts or len(ranking.standings) < 2:
        return None
    kind = RUNTIMES[ranking.choices.runtime].words
    if max(_count_processes(ranking).values(), default=1) > 1:
        kind += ", the mean over the processes"
    elif RUNTIMES[ranking.choices.runtime].official:
        kind += ", a single run each"
    alone = "" if ranking.with_test else ", on the validation set alone"
    return f"Ranked by {kind}{alone}."


def _explain_ranks(ranking: Ranking) -> Iterator[Remark]:
    text = describe_ranked_runtime(ranking)
    if text is None:
        return
    yield Remark(text)
    processes = _count_processes(ranking)
    placings = [placing for standing in ranking.standings for placing in standing.placings]
    yield from _explain_ties(ranking)
    if any(placing.interval for placing in placings):
        yield Remark(
            "[low-high] is the 95 % interval of a rank, by a bootstrap over processes and rounds."
        )
        names = {standing.row.label: name(standing.row.name) for standing in ranking.standings}
        alone_labels = [names[label] for label, count in processes.items() if count == 1]
        if alone_labels:
            yield Remark(
                f"Measured in one process: {name_some(alone_labels)}; noise between"
                " processes is taken from the other rows."
            )
    elif sum(placing.rank is not None for placing in placings) > len(ranking.protocol.tracks):
        yield Remark(
            "Rank intervals cannot be known: with one process, the noise between processes is"
            " unseen."
        )


def _explain_ties(ranking: Ranking) -> Iterator[Remark]:
    """Say what the letters mean: not the same in a track of runtimes and in one of counts."""
    tracks: dict[str, list[str]] = {}
    for index, track in enumerate(ranking.protocol.tracks):
        if any(standing.placings[index].ties for standing in ranking.standings):
            tracks.setdefault(explain_tie(ranking, index), []).append(track.name)
    for how, names in tracks.items():
        where = "" if len(tracks) == 1 else f" in {' and '.join(names)}"
        # In the titles of `ranking_columns`.
        yield Remark(
            f"Ranks with the same letter{where} are a tie: {how}.",
            columns=[f"Rank {track}" for track in names],
        )


def explain_tie(ranking: Ranking, track: int) -> str:
    """Say what those who are a tie in a track have in common."""
    if any(standing.placings[track].interval for standing in ranking.standings):
        return "fewer than 97.5 % of the draws agree on their order"
    by_runtime = "ave_time_ms" in ranking.protocol.tracks[track].terms
    if ranking.choices.runtime == "robust" and by_runtime:
        return "their intervals overlap that of the best among them"
    return "equal scores"


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


def _explain_baseline(ranking: Ranking) -> Remark:
    protocol = ranking.protocol
    rules = f"Rules of {protocol.name}; baseline: "
    if protocol.baseline is None:
        text = f"Rules of {protocol.name}, whose scores are relative to no network."
        return Remark(text, is_kept=True)
    if ranking.baseline is None:
        needed = any(track.score in BY_BASELINE for track in protocol.tracks)
        text = _say_how_to_get_baseline(ranking, needed)
        return Remark(text, "warning" if needed else "note", is_kept=True)
    if ranking.baseline == PUBLISHED:
        hardware = f" on {protocol.baseline.hardware}" if protocol.baseline.hardware else ""
        rules += f"{protocol.baseline.name}, published{hardware}"
    else:
        names = {standing.row.label: standing.row.name for standing in ranking.standings}
        rules += name(names.get(ranking.baseline, ranking.baseline))
    if problem := ranking.baseline_problem:
        text = f"{rules}; scores are missing, since it {problem}."
        return Remark(text, "warning", is_kept=True)
    return Remark(f"{rules}.", is_kept=True)


def _say_how_to_get_baseline(ranking: Ranking, needed: bool) -> str:
    protocol, baseline = ranking.protocol, ranking.protocol.baseline
    assert baseline is not None
    records = [standing.row.record for standing in ranking.standings]
    ways = []
    if baseline.shipped_id is not None:
        ways = [f"measure it too, with --model_id {baseline.shipped_id}"]
    elif any(record and record.fork for record in records):
        ways = [f"measure it too, --model_id {baseline.model_id} of the official repository"]
    ways.append("choose one with python -m esr leaderboard RESULTS --baseline LABEL")
    if not any(record and record.clock == "perf_counter" for record in records):
        ways.append("take its published figures with --baseline published")
    lacks = f"; no scores, since the baseline {baseline.name} is not among the rows"
    if not needed:
        lacks = f", whose ranks need no baseline; to compare with {baseline.name}"
    return f"Rules of {protocol.name}{lacks}: {', or '.join(ways)}."
