"""What tests share: factories, strategies, real programs, API servers. No test is in here."""
