"""Moving in: a folder of markdown from MkDocs, Docusaurus or nowhere in particular becomes drafts of the studio.

`tree` says what the folder holds and in which order, `words` turns one page into the markdown of the library, `links`
finds where its links lead. Both are pure. `arrival` writes everything down in one transaction, or nothing. What has no
counterpart here is left out and said, with file and line; nothing is dropped in silence.
"""
