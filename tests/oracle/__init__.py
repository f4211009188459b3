"""What the tests check against, written without the package's own arithmetic."""
