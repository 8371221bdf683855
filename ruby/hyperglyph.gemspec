# frozen_string_literal: true

require_relative "lib/hyperglyph/version"

Gem::Specification.new do |spec|
  spec.name = "hyperglyph"
  spec.version = Hyperglyph::VERSION
  spec.summary = "Duck-typed calls over plain HTTP"
  spec.description = <<~TEXT
    Put live objects at a URL and use them from another process, in Ruby or Python, as if they were
    your own: functions become forms, pages become objects. The format in the middle has a written
    standard, Hyperglyph 1.0.
  TEXT
  spec.authors = ["The hyperglyph authors"]
  spec.license = "MIT"
  spec.required_ruby_version = ">= 3.1"
  spec.files = Dir.chdir(__dir__) { Dir["lib/**/*.rb", "README*.md", "LICENSE"].sort }
  spec.require_paths = ["lib"]
  spec.metadata = { "rubygems_mfa_required" => "true" }
  # Codec and client need the standard library alone. The server is a Rack application, for those
  # who have Rack: it comes with every server that runs it.
end
