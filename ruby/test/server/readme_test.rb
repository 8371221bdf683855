# frozen_string_literal: true

require_relative "helper"

# The examples of README-server.md, as they stand there.
class TestReadmeOfTheServer < Minitest::Test
  include Served

  README = File.expand_path("../../README-server.md", __dir__)

  # What the examples take for given.
  module Given
    Store = { "a" => "one two" }
    Index = Struct.new(:nothing) { def self.find(words) = [words] * 20 }
    def self.hello(name = "World") = "Hello #{name}"
  end

  def blocks
    File.read(README, encoding: "UTF-8").scan(/^```ruby\n(.*?)^```$/m).flatten
  end

  def test_they_run
    router, note = blocks
    Given.module_eval(note)
    serve do |served|
      source = router.sub(/^router = .*\n/, "").gsub("method(:hello)", "Given.method(:hello)")
      given = Given
      given.module_eval("proc { |router| #{source} }", README, 1).call(served)
    end
    assert_match(/hosts: \["api\.example\.org"\]/, router)
    assert_equal "Hello World", post("/hello").value
    assert_equal %w[x x x], get("/search", query: { "q" => "x", "limit" => 3 }).value
    assert_error 400, get("/search", query: { "q" => "x", "limit" => "3" })
    url = post("/Note", { "id" => "a" }).headers["location"]
    page = get(url).value
    assert_equal %w[text words replace remove], page.content.keys
    assert_equal %w[one two], get("#{url}words").value
    tag = page.content["replace"]["headers"]["If-Match"]
    assert_equal 204, ask("PUT", url, arguments: { "text" => "three" }, headers: { "if-match" => tag }).status
    assert_error 412, ask("PUT", url, arguments: { "text" => "four" }, headers: { "if-match" => tag })
    assert_equal 204, ask("DELETE", url, body: "").status
    assert_error 410, get(url)
  end
end
