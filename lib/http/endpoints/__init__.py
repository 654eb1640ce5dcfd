"""What each URL of the contract does: parse, call once, render."""
