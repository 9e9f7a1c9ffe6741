"""Who restored other images is not ranked with the others, and stands in no column of theirs."""

from __future__ import annotations

from dataclasses import replace

from boards import record, row

from esr.challenge.protocol import protocols
from esr.rank.ranking import rank
from esr.records.join_records import align_validation
from esr.records.record import Record
from esr.report.board import build_board

RULES = protocols()["ntire2026"]


def _reasons(*records: Record) -> dict[str, str | None]:
    standings = rank([row(one) for one in records], RULES).standings
    return {standing.row.label: standing.reason for standing in standings}


def _on(made: Record, *datasets: str) -> Record:
    """On these sets, the first in the validation columns, and on no test set."""
    roles = ("valid", *datasets[1:])
    splits = [
        replace(made.splits[0], role=r, dataset=d) for r, d in zip(roles, datasets, strict=True)
    ]
    return replace(made, splits=tuple(splits))


def _of_files(made: Record, sha256: str) -> Record:
    return replace(made, splits=tuple(replace(s, data_sha256=sha256) for s in made.splits))


BASE, A, B, C = (record(n, name, 8.0 - n, 27.02) for n, name in enumerate(("SPAN", "A", "B", "C")))


def test_who_was_measured_on_another_set_than_the_baseline_has_no_rank() -> None:
    reasons = _reasons(_on(BASE, "demo"), _on(A, "demo"), _on(B, "Set5"), _on(C, "Set5"))
    assert reasons["01_A"] is None
    assert reasons["02_B"] == reasons["03_C"] == "measured on Set5, the baseline on demo"


def test_without_a_baseline_the_set_of_the_challenge_counts_and_else_that_of_most() -> None:
    official = _on(A, "DIV2K_LSDIR_valid")
    reasons = _reasons(official, _on(B, "demo"), _on(C, "demo"))
    assert reasons["01_A"] is None
    # One row of three.
    assert reasons["02_B"] == "measured on demo, the challenge is about DIV2K_LSDIR_valid"
    reasons = _reasons(_on(A, "Set5"), _on(B, "demo"), _on(C, "demo"))
    assert reasons == {
        "01_A": "measured on Set5, most rows on demo",
        "02_B": None,
        "03_C": None,
    }


def test_another_test_set_counts_where_its_runtime_does() -> None:
    def tested(made: Record, dataset: str, sha256: str | None = None) -> Record:
        valid, test = made.splits
        return replace(made, splits=(valid, replace(test, dataset=dataset, data_sha256=sha256)))

    theirs = (tested(one, "DIV2K_LSDIR_test", "1") for one in (BASE, A))
    reasons = _reasons(*theirs, tested(B, "DIV2K_test"), tested(C, "DIV2K_LSDIR_test", "2"))
    assert reasons["01_A"] is None
    assert reasons["02_B"] == "measured on DIV2K_test, the baseline on DIV2K_LSDIR_test"
    assert reasons["03_C"] == "measured on other files of DIV2K_LSDIR_test than the others"
    # Where validation alone counts, nobody is asked for the test set.
    valid = [replace(one, splits=one.splits[:1]) for one in (BASE, A)]
    assert _reasons(*valid, tested(B, "DIV2K_test"))["02_B"] is None


def test_other_files_under_the_same_name_are_other_data() -> None:
    base, a, b = (_on(one, "Set5") for one in (BASE, A, B))
    reasons = _reasons(_of_files(base, "1"), _of_files(a, "1"), _of_files(b, "2"))
    assert reasons["01_A"] is None
    assert reasons["02_B"] == "measured on other files of Set5 than the others"
    # What a record does not say excludes nobody.
    assert _reasons(_of_files(base, "1"), a, b)["02_B"] is None


def test_a_set_that_a_row_lacks_is_empty_there_and_its_own_has_its_own_column() -> None:
    rows = [_on(BASE, "demo", "Set5"), _on(A, "demo", "Set5"), _on(B, "Set5")]
    aligned = align_validation([*rows, _on(C, "demo")])
    roles = {one.label: {split.dataset: split.role for split in one.splits} for one in aligned}
    assert roles["02_B"] == {"Set5": "Set5"}
    assert roles["03_C"] == {"demo": "valid"}
    board = build_board([row(one) for one in aligned], RULES)
    said = " ".join(board.remarks)
    assert "different data sets" not in said
    assert "02_B is not ranked" in said
    assert "02_B has no Set5 PSNR" not in said
    unranked = {s.row.label for s in board.ranking.standings if s.reason is not None}
    assert unranked == {"02_B"}


def test_the_set_of_the_challenge_takes_the_validation_columns_from_everybody() -> None:
    base, a, b = _on(BASE, "demo"), _on(A, "DIV2K_LSDIR_valid", "demo"), _on(B, "demo")
    roles = [
        {split.dataset: split.role for split in r.splits} for r in align_validation([base, a, b])
    ]
    assert roles == [
        {"demo": "demo"},
        {"DIV2K_LSDIR_valid": "valid", "demo": "demo"},
        {"demo": "demo"},
    ]
    alone = align_validation([base, b])
    assert alone == [base, b]
