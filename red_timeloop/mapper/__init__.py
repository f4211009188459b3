"""The mapper: the best mapping of a specification under its constraints."""
