# SPDX-License-Identifier: BSL-1.0
"""Fibers in gdb; loaded by weft-gdb.py."""
