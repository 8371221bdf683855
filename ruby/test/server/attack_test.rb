# frozen_string_literal: true

require_relative "helper"
require "pp"

# What an attack on the server found once.
class TestAttack < Minitest::Test
  include Served

  HEAD = "POST /count HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/vnd.hyperglyph\r\n"

  def cpu
    from = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
    yield
    Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - from
  end

  # A pattern that took off the blanks around a value needed a minute for a field of 4,000 octets.
  def test_blanks_in_a_field_take_linear_time
    ["X: a#{' ' * 60_000}b\r\n\r\n", "X:#{' ' * 1_500}\x01\r\n\r\n", "X:#{" \t" * 30_000}\r\n\r\n"].each do |field|
      framing = Hyperglyph::Server::Framing.new(max_body: 1_000, max_url: 4_000)
      spent = cpu do
        framing.take("GET / HTTP/1.1\r\n#{field}".b)
      rescue Hyperglyph::Server::Refusal => refusal
        assert_equal 400, refusal.status
      end
      assert_operator spent, :<, 0.5, field[0, 10].inspect
    end
  end

  def test_blanks_around_a_length_say_nothing
    octets = "#{HEAD}Content-Length: \t 2 \t \r\n\r\nO;G".b
    taken, = Hyperglyph::Server::Framing.new(max_body: 1_000, max_url: 4_000).take(octets)
    assert_equal octets.bytesize - 1, taken
  end

  # A server below that takes `_` for `-` would see another end of the request.
  def test_names_that_read_as_those_of_the_framing
    count = 0
    serve { |router| router.add(-> { count += 1 }, name: "count") }
    ["content_length: 60\r\n\r\n", "Content-Length: 2\r\nContent_Length: 2\r\n\r\nO;", "Transfer_Encoding: chunked\r\n\r\n",
     "TRANSFER-ENCODING: chunked\r\ntransfer_encoding: gzip\r\n\r\n0\r\n\r\n"].each do |rest|
      assert_match(%r{\AHTTP/1\.1 400 .*reads as that of another}m, raw("#{HEAD}#{rest}"), rest)
    end
    assert_equal 0, count
    assert_match(/\r\n\r\ni1;\z/, raw("#{HEAD}X_Y: 2\r\nContent-Length: 2\r\n\r\nO;"))
  end

  def test_what_ruby_prints_has_no_secret
    router = Hyperglyph::Router.new(secret: SECRET, logger: Logger.new(StringIO.new))
    [router, router.app, router.references].each do |object|
      refute_includes object.inspect, SECRET
      refute_includes object.pretty_inspect, SECRET
    end
    assert_includes router.references.inspect, "1 secret"
  end
end
