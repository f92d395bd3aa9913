"""One script per question, each prints ratios measured in one run; begin with README.md."""
