"""`make bench`: every figure of the README's table on one machine, beside the peers in `bench/peers`."""
