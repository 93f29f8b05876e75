"""Sessions: one supervised actor for each user, with its log, its runs and its queue."""
