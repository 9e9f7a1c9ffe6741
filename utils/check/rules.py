"""RULES: all that a submission is checked for, in the order in which it is told."""

from __future__ import annotations

from typing import Any

from utils.check.figure_rules import FIGURES, START
from utils.check.network_rules import NETWORK
from utils.check.rule import Rule
from utils.check.source_rules import SOURCE

RULES: tuple[Rule[Any], ...] = (*SOURCE, *START, *NETWORK, *FIGURES)
