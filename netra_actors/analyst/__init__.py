"""The built-in agent: it analyses AI usage, with no key and no network."""
