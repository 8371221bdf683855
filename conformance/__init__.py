"""The conformance suite: runs the cases of `spec/` against an implementation in any language.

    hyperglyph-conformance run python
    hyperglyph-conformance run -- ./my-testee --its-options
    hyperglyph-conformance matrix --html page.html

cases          the vectors and scenarios, loaded from the package data
shapes         the form of typed values, checked and compared
typed          typed values to Python values, and back
patterns       what an answer must be, so far as it is said
substitution   placeholders in scenarios, and octets that hold values
testee         drives the child process that is tested
registry       the testees that are known by name; `testees` holds ours, and wrong ones
runner         hands each case to the judge of its kind
codec_judge    decoding and encoding
server_judge   raw requests and their answers, over `raw` and `pages`
client_judge   calls, their requests and results, over `script` and `scripted`
known          known failures
matrix         every client against every server, over `relay`
coverage       which requirements have cases
report, html   say what came out; `layout` shows octets
"""
