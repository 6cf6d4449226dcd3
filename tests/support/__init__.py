"""What the tests share: runs of the program, trees, strategies, shells and terminals."""
