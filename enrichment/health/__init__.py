"""The health score, the flags and their episodes: from facts about accounts to what people read."""
