"""The conformance suite: runs the cases of `spec/` against an implementation in any language.

    python -m hyperglyph.conformance run python
    python -m hyperglyph.conformance run -- ./my-testee --its-options

cases          the vectors and scenarios, loaded from the package data
shapes         the form of typed values, checked and compared
typed          typed values to Python values, and back
patterns       what an answer must be, so far as it is said
substitution   placeholders in scenarios, and octets that hold values
testee         drives the child process that is tested
runner         hands each case to the judge of its kind
codec_judge    decoding and encoding
server_judge   raw requests and their answers, over `raw` and `pages`
report         says what came out
"""
