"""Version 1 of the machine door."""
