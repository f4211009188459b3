"""The exact search: bounds that are proved, and what they leave over, evaluated (docs/mapper.md)."""
