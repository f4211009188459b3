"""The command `red-timeloop`."""
