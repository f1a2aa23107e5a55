"""What vost's speed is measured by: ``python -m tests.benchmarks [--quick] [--only NAME]``.

Run by hand, on a quiet machine. Every figure is a ratio: vost and its peers (git, pygit2, dulwich)
do the same work in the same run, in turns. pytest collects nothing here.
"""
