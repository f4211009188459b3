"""The exact search: bounds that are proved; what they leave over is evaluated."""
