"""Mails to customers, by hand and by rule: templates, whom they go to, how each is decided, sent and remembered.

A letter is a row before it is a mail, with why it is to be sent; a job sends it, after looking once more whether the
reason still holds, and writes down what came of it. What nobody wants, or nobody can get, is a row of its address.
Weekly summaries are letters too. Alerts to staff (`alerts*`) are lines that wait for a channel and go out together.
"""
