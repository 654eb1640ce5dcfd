"""What the functions under api/ share."""
