"""Segments: named conditions over accounts, kept in files or by staff, and who is in each.

What a segment asks for is a condition like any other, so `conditions` stores it and asks it. This room reads and writes
`content/segments.yml`, lets staff edit, and keeps the rows that say who is in which: written when a segment, an account
or what happened to it changes, so that lists and figures by segment are one join.
"""
