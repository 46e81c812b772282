"""What any web product needs: database, clock, errors, languages, templates, markdown, signing, mail, jobs.

Nothing here knows of customers, checklists or documents.
"""
