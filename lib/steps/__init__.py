"""The wizard's rules: pure, without HTTP and without SQL."""
