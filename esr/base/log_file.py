"""Logging under the official names (`utils/utils_logger.py` of the official repositories)."""

from __future__ import annotations

import logging
from pathlib import Path

from esr.base.errors import UserError, cause
from esr.base.foreign_bytes import refuse_to_write

_FORMATTER = logging.Formatter("%(asctime)s.%(msecs)03d : %(message)s", "%y-%m-%d %H:%M:%S")


def logger_info(logger_name: str, log_path: str | Path = "default_logger.log") -> None:
    """Make a logger append to a file and print to stderr; a second call adds nothing."""
    logger = logging.getLogger(logger_name)
    if logger.handlers:
        return
    logger.setLevel(logging.INFO)
    for handler in (file_handler(log_path), logging.StreamHandler()):
        handler.setFormatter(_FORMATTER)
        logger.addHandler(handler)


def file_handler(log_path: str | Path) -> logging.FileHandler:
    """Open a log file to append to, in the official format.

    Raises:
        UserError: it cannot be written, or is a pipe.
    """
    refuse_to_write(Path(log_path))
    try:
        handler = logging.FileHandler(log_path, mode="a", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot be written ({cause(error)})", where=log_path) from error
    handler.setFormatter(_FORMATTER)
    return handler
