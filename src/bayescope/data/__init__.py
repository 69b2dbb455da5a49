"""Source -> `Table`, and formulas -> design matrices."""
