"""Somebody's clone of an official repository, read by the parent and never run by it.

What runs in the child is `esr.submissions.clone_session`.
"""
