"""The library: what the vendor publishes for its customers to read.

A document is one thing (a manual, an answer, a case study, a release note) in one or more languages, standing in one
collection. Files become documents by publishing: rendered once, all or nothing. What a reader may see is decided anew
on every request, by one wall that every list, page and link goes through.
"""
