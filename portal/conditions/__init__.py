"""Conditions: one small language that says for whom something is, and when a step is done.

People write it as YAML (`{plan: pro, event: login, at_least: 3, within: 30d}`). `parse` turns that into a tree of
frozen values, or names everything that is wrong, each with its place. `queries` says which events a condition asks
about; `tally` counts them by the vendor's calendar; `evaluate` decides from such facts alone, and gives its reasons.
Nothing below the service touches a database or a clock: one rule, one answer, in a checklist, an audience and a
preview.
"""
