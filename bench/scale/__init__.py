"""`python -m bench.scale`: what changes with the number of users, from a thousand to ten million."""
