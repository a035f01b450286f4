"""Commands for the people who run this: checks, and files made from the code."""
