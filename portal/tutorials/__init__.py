"""Tutorials: a way through the product in small steps, one a screen, at the member's own pace.

Files say what a tutorial is; publishing renders its steps. A member's run remembers each step they have done, so they
go on where they stopped, on any device. Who has done every step has finished, for good: the event `tutorial.completed`
says so once, and no later edition of the tutorial takes it back.
"""
