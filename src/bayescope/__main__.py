"""`python -m bayescope`."""

from bayescope.cli import main

main()
