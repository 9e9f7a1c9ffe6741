"""The name of the official `utils/utils_logger.py`."""

from esr.base.log_file import logger_info
