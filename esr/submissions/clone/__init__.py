"""Somebody's clone of an official repository, read by the parent and never run by it.

All of it is done by the parent, which reads the clone's source and never runs it; what runs in the
child is `esr.submissions.clone_session`.
"""
