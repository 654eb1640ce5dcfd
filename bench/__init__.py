"""`make bench`: every figure of the README's table on one machine, next to the peers in `bench/peers`."""
