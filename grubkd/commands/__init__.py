"""One module a verb; each is loaded only when it is called."""
