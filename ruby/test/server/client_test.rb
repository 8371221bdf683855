# frozen_string_literal: true

require_relative "helper"
require_relative "../../testee/service"

# The gem's client and its server, with each other: the service of spec/service.md.
class TestClientAndServer < Minitest::Test
  include Served

  def setup
    @log = StringIO.new
    router = Service.router(secret: SECRET, logger: Logger.new(@log), max_list: 100)
    # Calls itself: by the client, from within a call.
    router.add(-> { Hyperglyph.get(@origin).fail }, name: "inner_failure")
    router.add(-> { Hyperglyph::Server.remaining }, name: "remaining")
    router.add(-> { Hyperglyph.get(@origin).remaining }, name: "inner_remaining")
    @server = Hyperglyph::Server::PumaServer.new(router, threads: 4).start
    @origin = @server.url.chomp("/")
    @client = Hyperglyph::Client.new(timeout: 10)
    @root = @client.get("#{@origin}/")
  end

  def teardown
    @client.close
    super
  end

  def test_functions
    assert_equal "Hello World", @root.hello
    assert_equal "Hello Bob", @root.hello(name: "Bob")
    assert_equal [3, 7], [@root.add(2), @root.add(3, 4)]
    assert_nil @root.nothing
    assert_equal "a-b", @root.concat("a", third: "b")
    assert_equal %w[q-1 q-2], @root.search("q", limit: 2)
    assert_equal Time.utc(2012), @root.today
    value = [1, 1.5, "ä", "\xff".b, { "a" => [nil, true] }, Set.new([1]), 10**50]
    assert_equal value, @root.echo(value)
  end

  def test_objects
    counter = @root.Counter(start: 3)
    assert_equal [3, 6, 5], [counter.value, counter.double, counter.add(2).value]
    assert_equal 3, @root.link_of(counter)
    assert_equal [0, 1, 2, 10], [*@root.listing(3).map(&:value), @root.listing(3)[2].add(8).value]
    assert_equal 5, @client.get(Hyperglyph::Client.url(counter.add(2))).value
  end

  def test_documents
    document = @root.Document("d")
    assert_equal "", document.text
    document.write("one")
    stale = document
    document = Hyperglyph::Client.reload(document)
    document.replace("two")
    error = assert_raises(Hyperglyph::Client::RequestError) { stale.replace("three") }
    assert_equal 412, error.status
    assert_equal "two", Hyperglyph::Client.reload(document).text
    assert_equal "two", @root.moved("d").text
    document.remove
    error = assert_raises(Hyperglyph::Client::RequestError) { Hyperglyph::Client.reload(document) }
    assert_equal 410, error.status
  end

  def test_sequences
    assert_equal [1, 2, 3], @root.count(3).to_a
    assert_equal 200, @root.count(200).to_a.size
    seen = []
    error = assert_raises(Hyperglyph::Client::RequestError) { @root.broken(2).each { |item| seen << item } }
    assert_equal [[1, 2], 409, "broken on purpose"], [seen, error.status, error.reason]
    assert_equal 500, assert_raises(Hyperglyph::Client::ServerError) { @root.crashed(1).to_a }.status
  end

  def test_blobs
    octets = Random.new(2).bytes(3_000_000)
    blob = Hyperglyph::Blob.new(octets, content_type: "image/png")
    assert_equal [3_000_000, "image/png"], [@root["upload"].call(blob), @root.type_of(blob)]
    assert_equal({ "size" => 3_000_000, "type" => "image/png" }, @root["send"].call(blob))
    assert_equal octets, @root.echo(blob).read
    assert_equal "0123456789" * 100_000, @root.download(1_000_000).read
  end

  def test_failures
    error = assert_raises(Hyperglyph::Client::ServerError) { @root["fail"].call }
    assert_equal [500, "internal error"], [error.status, error.reason]
    assert_includes @log.string, error.logref
    assert_equal 409, assert_raises(Hyperglyph::Client::RequestError) { @root.refuse(409) }.status
    assert_equal 502, assert_raises(Hyperglyph::Client::ServerError) { @root.inner_failure }.status
  end

  def test_a_deadline_holds_for_what_a_call_calls
    outer = Hyperglyph.deadline(8) { @root.inner_remaining }
    assert_includes 1..8, outer
    assert_operator @root.inner_remaining, :<=, 10
    error = assert_raises(Hyperglyph::Client::Error) { Hyperglyph.deadline(0.3) { @root.sleep(20) } }
    assert_includes [Hyperglyph::Client::TimeoutError, Hyperglyph::Client::ServerError], error.class
  end

  def test_many_threads
    results = Array.new(8) do |thread|
      Thread.new { Array.new(50) { |number| @root.add(thread * 100, number) } }
    end.map(&:value)
    assert_equal Array.new(8) { |thread| Array.new(50) { |number| thread * 100 + number } }, results
  end
end
