# frozen_string_literal: true

require_relative "helper"
require "pp"

# What an attack on the client found once.
class ClientAttackTest < Minitest::Test
  include Scripting

  def page
    Client::Page.new(client, "http://127.0.0.1/a/", public: false)
  end

  def cpu
    from = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
    yield
    Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - from
  end

  def decoded(name, attributes, content)
    Hyperglyph::Extension.decoded(name.dup, attributes, content)
  end

  # Each member took the length of the base: a megabyte made two gigabytes, in two minutes.
  def test_a_long_url_is_not_multiplied_by_what_stands_under_it
    %w[link resource error x].each do |name|
      members = Array.new(1_000) { decoded("x", { "url" => "b" }, [decoded("link", { "url" => "c" }, nil)]) }
      members << decoded("link", { "url" => "http://127.0.0.1/d" }, nil)
      long = decoded(name, { "url" => "#{'a' * 500_000}/" }, { "m" => members })
      spent = cpu { long = page.value(long) }
      assert_operator spent, :<, 3, name
      found = long.is_a?(Client::Resource) ? long["m"] : long.content["m"]
      assert_operator found[0].url.length + found[0].content[0].url.length, :<, 100
      assert_raises(Client::Refused) { found[0].content[0].call }
      assert_equal "http://127.0.0.1/d", found.last.url
    end
  end

  def test_a_base_of_the_longest_url_holds
    url = "http://127.0.0.1/#{'a' * 3_900}/"
    found = page.value(decoded("x", { "url" => url }, [decoded("x", { "url" => "b" }, nil)]))
    assert_equal "#{url}b", found.content[0].url
    assert_equal url, found.url
  end

  def test_defaults_with_a_long_url_are_not_multiplied
    members = Array.new(1_000) { decoded("link", { "url" => "b" }, nil) }
    long = decoded("x", { "url" => "#{'a' * 500_000}/" }, members)
    assert_operator cpu { Client::Outgoing.absolute(long, "http://127.0.0.1/") }, :<, 3
  end

  # Of a depth that a user allows, in the small stack of a Fiber: an Enumerator has one, say.
  def test_depth_in_a_fiber
    deep = nil
    250.times { deep = decoded("resource", {}, { "m" => deep }) }
    assert_kind_of Client::Unusable, in_fiber { page.value(deep) }
    deep = nil
    500.times { deep = [deep] }
    assert_kind_of Client::ArgumentsError, in_fiber { Client::Binding.bind(Client::Binding.inputs(["a"]), [deep], {}, "") }
  end

  def in_fiber(&block)
    Fiber.new do
      block.call
    rescue Exception => e # rubocop:disable Lint/RescueException
      e
    end.resume
  end

  def test_what_ruby_prints_has_no_credentials_and_no_paths
    server = pages("/secret" => resource({ "l" => link("x") }, url: nil))
    made = client(authorization: "Bearer hush", credentials: { "http://b.example" => { "Authorization" => "Bearer hush" } })
    root = made.get(server.url("/secret"))
    [made, made.credentials, root, root["l"], page, root["l"].instance_variable_get(:@page)].each do |object|
      [object.inspect, object.pretty_inspect].each do |text|
        refute_includes text, "hush"
        refute_includes text, "/secret"
      end
    end
    assert_includes made.credentials.inspect, "Authorization"
  end

  # An answer that is cut while it is sent on says nothing about the call that sends it: it was not "done".
  def test_a_blob_that_is_sent_on_and_breaks_off
    source = script do |_, socket|
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 900000\r\n\r\n#{'x' * 200_000}")
      :close
    end
    upload = pages("/" => { "send" => form("send", "file") })
    blob = client.get(source.url)
    error = assert_raises(Client::TransportError) { client.get(upload.url)["send"].call(blob) }
    assert_equal :unknown, error.outcome
    assert_match(/cut short/, error.message)
    assert_equal ["/"], upload.asked.map(&:path)
  end
end
