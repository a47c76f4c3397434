"""The agent for a $words: it proposes, and code signs off."""
