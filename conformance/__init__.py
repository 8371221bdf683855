"""The conformance suite: runs the vectors of `spec/` against an implementation in any language.

    python -m hyperglyph.conformance run python
    python -m hyperglyph.conformance run -- ./my-testee --its-options

cases      the vectors, loaded from the package data
shapes     the form of typed values, checked and compared
typed      typed values to Python values, and back
testee     drives the child process that is tested
runner     sends each vector and judges the answers
report     says what came out
"""
