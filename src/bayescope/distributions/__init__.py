"""The vocabulary of models: one table of distributions (priors), one of likelihoods (heads)."""
