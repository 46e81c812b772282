"""Onboarding checklists: what a customer does to reach value, who of them has to do it, and how many get there.

A checklist is a YAML file (`definition`), kept in versions once published. An account runs through one version of it;
what counts as done is proved by events and derived from them (`rules`), in whole days of the vendor's zone
(`deadlines`). Completion rates count accounts, and never mistake "still under way" for "failed" (`rate`).
These four are pure: facts and the time go in as arguments.
"""
