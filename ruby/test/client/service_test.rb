# frozen_string_literal: true

require_relative "helper"
require "logger"
require "securerandom"
require "tempfile"
require "hyperglyph/server/puma"
require_relative "../../testee/service"

# The client and the service of spec/service.md, by Puma.
class ClientServiceTest < Minitest::Test
  include Scripting

  def setup
    router = Service.router(secret: SecureRandom.bytes(32), logger: Logger.new(File::NULL))
    @server = Hyperglyph::Server::PumaServer.new(router, threads: 8).start
    (@stopped ||= []) << @server
    @client = client(timeout: 20)
    @root = @client.get(@server.url)
  end

  def test_objects
    assert_equal "Hello Bob", @root.hello("Bob")
    counter = @root.Counter(start: 3).add(5)
    assert_equal [8, 16, "Counter"], [counter.value, counter.double, Client.label(counter)]
    assert_equal 8, @client.get(Client.url(counter)).value
    assert_equal 8, @root.link_of(counter)
    document = @root.Document("a document")
    document.write("text")
    assert_equal ["", "text"], [document.text, Client.reload(document).text]
    assert_equal 412, assert_raises(Client::RequestError) { document.replace("too late") }.status
  end

  def test_errors
    error = assert_raises(Client::RequestError) { @root.refuse(409) }
    assert_equal [409, "refused on purpose"], [error.status, error.reason]
    error = assert_raises(Client::ServerError) { @root.fail }
    assert_equal 500, error.status
    refute_includes error.message, "secret"
    assert_raises(Client::ArgumentsError) { @root.add }
  end

  def test_sequences
    assert_equal [1, 2, 3], @root.count(to: 1_000_000).first(3)
    assert_equal 1, @root.count(to: 3).next
    seen = []
    error = assert_raises(Client::RequestError) { @root.broken(2).each { |item| seen << item } }
    assert_equal [[1, 2], 409, "broken on purpose"], [seen, error.status, error.reason]
  end

  # More of them than the server has threads: none is held by what was left behind.
  def test_sequences_that_are_left_hold_nothing
    names = Array.new(4) { |number| "left #{number} #{object_id}" }
    names.each { |name| assert_equal [1], @root.ticking(name).first(1) }
    sleep 0.6
    made = names.map { |name| @root.executions(name) }
    sleep 0.4
    assert_equal made, names.map { |name| @root.executions(name) } # of 50, one each 50 ms
  end

  def test_blobs
    made = Tempfile.new("hyperglyph-test", binmode: true)
    IO.copy_stream(@root.download(300_000).io, made)
    made.rewind
    assert_equal 300_000, @root.upload(Hyperglyph::Blob.new(made, content_type: "text/plain"))
    assert_equal "image/png", @root.type_of(Hyperglyph::Blob.new("x", content_type: "image/png"))
    made.rewind
    assert_equal({ "size" => 300_000, "type" => "text/plain" }, @root["send"].call(Hyperglyph::Blob.new(made, content_type: "text/plain")))
    assert_equal 300_000, @root.upload(@root.download(300_000)) # on its way from one answer to the next request
  ensure
    made&.close!
  end

  def test_deadlines
    began = Hyperglyph::HTTP::Deadline.now
    # The server is told how long there is: it may be first to give up, with 504.
    error = assert_raises(Client::Error) { Hyperglyph.deadline(0.5) { 3.times { @root.sleep(0.3) } } }
    assert(error.is_a?(Client::TimeoutError) || error.status == 504, error.inspect)
    assert_in_delta 0.5, Hyperglyph::HTTP::Deadline.now - began, 0.4
    assert_equal 3, @root.add(1, 2)
  end

  def test_threads
    root = @root
    totals = 12.times.map do |number|
      Thread.new do
        counter = root.Counter(start: number)
        20.times { counter = counter.add(number) }
        [counter.value, root.count(to: 50).sum, root.download(1000).read.bytesize]
      end
    end.map(&:value)
    assert_equal 12.times.map { |number| [number * 21, 1275, 1000] }, totals
  end

  def test_each_unsafe_call_is_executed_once
    names = 60.times.map { SecureRandom.hex(8) }
    names.each_slice(10).map { |some| Thread.new { some.each { |name| assert_equal 1, @root.executed(name) } } }.each(&:join)
    assert_equal [1] * 60, names.map { |name| @root.executions(name) }
  end
end
