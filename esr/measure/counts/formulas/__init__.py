"""Multiply-adds of PyTorch's operators, by what they compute.

A formula takes the operator's own arguments, and what it returned as `out`.
"""
