"""One module a method; each is a function from a `Model` to a `Fit`."""
