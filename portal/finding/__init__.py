"""Finding: what one reader gets to see of the search, and what staff learn from it.

The index (`search`) knows words and no readers; the library and the tutorials know readers and no words. Here the two
meet: every result, total, suggestion and correction is made from what the wall lets this reader see, at this moment.
"""
