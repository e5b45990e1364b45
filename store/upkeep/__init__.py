"""The care of a database: moving, copying and pruning it, and forgetting what must not be kept."""
