# frozen_string_literal: true

require_relative "helper"
require_relative "../../testee/service"

# The testee's service is the whole one: the standard's grows, and nothing else would say so here.
class ServiceTest < Minitest::Test
  TEXT = File.expand_path("../../../spec/service.md", __dir__)

  def test_it_offers_what_the_standard_lists
    listed = File.read(TEXT, encoding: "UTF-8").scan(/^\| `(\w+)\(/).flatten
    assert_operator listed.size, :>, 25
    assert_equal listed.sort, Service.router(secret: "x" * 32).actions.keys.sort
  end
end
