"""Search: which texts fit a question, ranked, in Japanese and English, without a server of its own.

A text is folded (widths, kana, long-vowel marks), cut into terms, and written to an ordinary table as postings, in the
transaction that publishes it. A question is cut the same way, widened by synonyms, and scored in memory. This room
knows words and nothing of readers: whoever asks says what may be seen, and totals, suggestions and corrections keep to
it.
"""
