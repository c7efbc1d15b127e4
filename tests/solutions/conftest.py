"""Tests in here belong to the projects that they are laid over: pytest is not to collect them."""

collect_ignore_glob = ["step*"]
