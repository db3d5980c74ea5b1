"""The commands of `mlfactory`, by what a user does with them."""
