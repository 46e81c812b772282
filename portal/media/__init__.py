"""Pictures, videos and files that documents show: checked by what they are, kept in the database, behind the wall.

A medium has a key for life. What is behind the key may be replaced, and is then replaced everywhere; its address has a
stamp of its content, so a browser keeps what it has for good and still never shows the former one. Bytes are kept in
pieces in the database: one backup has everything, several servers see the same, and a film is never whole in memory.
Who may see a medium is decided by what shows it: the rooms above say so, each for its own (`uses`).
"""
