"""What staff see: who needs attention, how onboarding goes, and each customer in full. It reads every room."""
