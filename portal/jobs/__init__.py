"""The registry of background work: what each kind of job does, and what runs by the clock."""
