"""What exporters share: the metrics as a table, and readings of verifiers. Imports no exporter's library."""
