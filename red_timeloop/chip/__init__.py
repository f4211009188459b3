"""Networks on a whole chip: layers share a budget of crossbars and work as a pipeline."""
