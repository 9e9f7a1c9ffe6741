"""RULES: all that a submission is checked for, in the order in which it is told."""

from __future__ import annotations

from typing import Any

from esr.tools.check.figure_rules import FIGURES, START
from esr.tools.check.network_rules import NETWORK
from esr.tools.check.rule import Rule
from esr.tools.check.source_rules import SOURCE

RULES: tuple[Rule[Any], ...] = (*SOURCE, *START, *NETWORK, *FIGURES)
