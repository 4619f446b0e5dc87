"""Faults of all kinds at random, around one exporter that is a process of its own.

``world`` is what faults act on, and how a test finds out that the account is exact; each other
module is one kind of fault, and ``running`` lets all of them happen at once for a while.
"""
