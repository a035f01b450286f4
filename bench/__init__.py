"""Measures the product against its budgets: calls counted, times only as ratios within one run."""
