"""Helpers of the tests: runs of the program, trees, strategies, shells and terminals."""
