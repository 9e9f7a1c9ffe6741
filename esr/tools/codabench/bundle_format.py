"""The fields of a version-2 bundle of Codabench, with what the server says of each.

Source: the unpacker, models and serializers of codalab/codabench, commit c7dbc75 (March 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class BundleField:
    """One field of one part of `competition.yaml`."""

    kind: type
    required: bool = False
    at_most: int | None = None
    """Characters of a text."""
    choices: tuple[str, ...] = ()
    least: int | None = None
    """Of a number."""


def _text(at_most: int | None = None, required: bool = False) -> BundleField:
    return BundleField(str, required, at_most)


_FLAG = BundleField(bool)
_PATH = _text(required=True)
_LIST = BundleField(list, required=True)
_INDEX = BundleField(int, required=True, least=0)
_COUNT = BundleField(int, least=1)

BundleFields = Mapping[str, BundleField]

COMPETITION: BundleFields = {
    "version": BundleField(int, required=True),
    "title": _text(256, required=True),
    "image": _PATH,
    "terms": _PATH,
    "pages": _LIST,
    "phases": _LIST,
    "tasks": _LIST,
    "leaderboards": _LIST,
    "solutions": BundleField(list),
    "docker_image": _text(128),
    "queue": _text(),
    "competition_type": BundleField(str, choices=("competition", "benchmark")),
    "description": _text(),
    "contact_email": _text(),
    "reward": _text(256),
    "fact_sheet": BundleField(dict),
    **dict.fromkeys(
        (
            "registration_auto_approve",
            "make_programs_available",
            "make_input_data_available",
            "enable_detailed_results",
            "show_detailed_results_in_submission_panel",
            "show_detailed_results_in_leaderboard",
            "auto_run_submissions",
            "can_participants_make_submissions_public",
            "forum_enabled",
        ),
        _FLAG,
    ),
}

PAGE: BundleFields = {"title": _PATH, "file": _PATH}

PHASE: BundleFields = {
    "index": BundleField(int, least=0),
    "name": _text(256, required=True),
    "description": _text(),
    "start": _text(required=True),
    "end": _text(),
    "tasks": _LIST,
    "max_submissions_per_day": _COUNT,
    "max_submissions": _COUNT,
    "execution_time_limit": _COUNT,
    "auto_migrate_to_this_phase": _FLAG,
    "hide_output": _FLAG,
    "hide_prediction_output": _FLAG,
    "hide_score_output": _FLAG,
    "public_data": _text(),
    "starting_kit": _text(),
}

TASK: BundleFields = {
    "index": _INDEX,
    "key": _text(),
    "name": _text(),
    "description": _text(),
    "scoring_program": _text(),
    "reference_data": _text(),
    "input_data": _text(),
    "ingestion_program": _text(),
    "ingestion_only_during_scoring": _FLAG,
}

SOLUTION: BundleFields = {
    "index": _INDEX,
    "tasks": _LIST,
    "key": _text(),
    "path": _text(),
    "name": _text(),
    "description": _text(),
}

LEADERBOARD: BundleFields = {
    "title": _text(64, required=True),
    "key": _text(36, required=True),
    "columns": _LIST,
    "hidden": _FLAG,
    "primary_index": BundleField(int, least=0),
    "submission_rule": BundleField(
        str,
        choices=(
            "Add",
            "Add_And_Delete",
            "Add_And_Delete_Multiple",
            "Force_Last",
            "Force_Latest_Multiple",
            "Force_Best",
        ),
    ),
}

COLUMN: BundleFields = {
    "title": _text(36, required=True),
    "key": _text(36, required=True),
    "index": _INDEX,
    "sorting": BundleField(str, choices=("desc", "asc")),
    "precision": BundleField(int, least=0),
    "hidden": _FLAG,
    "computation": BundleField(str, choices=("sum", "avg", "min", "max")),
    "computation_indexes": BundleField(list),
}

FACT: BundleFields = {
    "key": _text(required=True),
    "type": BundleField(str, required=True, choices=("checkbox", "text", "select")),
    "title": _text(required=True),
    "selection": BundleField(object, required=True),
    "is_required": BundleField(object, required=True),
    "is_on_leaderboard": BundleField(object, required=True),
}
