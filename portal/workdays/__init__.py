"""The vendor's calendar: which days are worked, and counting in those days.

Japanese holidays come from a library that is kept up with the law; the closures at the new year and at お盆 can be
switched, and days of the vendor's own are added. Whoever says “in three business days”, or must not write to customers
on a holiday, asks here.
"""
