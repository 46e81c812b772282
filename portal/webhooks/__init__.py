"""Webhooks out: other systems hear of what happened, signed, again and again until they have it.

What is told is written as jobs in the transaction of what it tells of, one for each endpoint that wants it; workers
deliver. Endpoints fail apart: each has a lane of its own, a log of every attempt, and is disabled after five days.
"""
