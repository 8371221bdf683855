# frozen_string_literal: true

# All tests of the gem: ruby ruby/run_tests.rb [--name ...]

require_relative "test/helper"

files = Dir[File.join(__dir__, "test", "**", "*_test.rb")].sort
begin
  require "puma"
  require "rack"
rescue LoadError
  puts "not run here: the tests of the gem's server: install puma and rack"
  abort unless ENV.fetch("COMPLETE", "").empty?
  files.reject! { |file| file.include?("/test/server/") || File.read(file).include?("hyperglyph/server/puma") }
end
files.each { |file| require file }
