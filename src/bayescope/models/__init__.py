"""`Model`: likelihood, design and priors as numbers; its log-density; its PyMC graph."""
