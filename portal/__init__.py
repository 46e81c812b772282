"""Banso's portal: the domains of customer onboarding and the pages people see."""
