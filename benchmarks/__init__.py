"""What signoff costs, against code written by hand: `python -m benchmarks`."""
