# frozen_string_literal: true

# All tests of the gem: ruby ruby/run_tests.rb [--name ...]

require_relative "test/helper"

Dir[File.join(__dir__, "test", "**", "*_test.rb")].sort.each { |file| require file }
